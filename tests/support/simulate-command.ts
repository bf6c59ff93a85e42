// Runs a printed command of the simulator.

/** Runs `npm run simulate -- …` without npm, from the repository's folder. */
export async function simulate(
  command: string,
  program: readonly string[] = [process.execPath, "src/bin/simulate.ts"],
): Promise<{ status: number; stdout: string; stderr: string }> {
  const words = command.replace(/^npm run simulate -- /, "").match(/"[^"]*"|\S+/g) ?? [];
  const args = words.map((word) => word.replaceAll('"', ""));
  const child = Bun.spawn([...program, ...args], {
    cwd: `${import.meta.dir}/../..`,
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { status: await child.exited, stdout, stderr };
}
