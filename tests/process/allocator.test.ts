// A process that begins anew so that its allocator is told.

import { expect, test } from "bun:test";
import { PURGE_DELAY } from "../../src/process/allocator.ts";

const PROGRAM = `
  import { keepFreedMemory } from "${import.meta.dir}/../../src/process/allocator.ts";
  const { pid, argv, env } = process;
  console.log(JSON.stringify({ pid, words: argv.slice(2), kept: env["${PURGE_DELAY}"] ?? null }));
  keepFreedMemory();
  console.log("goes on");
`;

async function lines(env: Record<string, string | undefined>): Promise<string[]> {
  const command = [process.execPath, "-e", PROGRAM, "--", "-i", "two words", ""];
  const child = Bun.spawn(command, { env, stdout: "pipe", stderr: "inherit" });
  const text = await new Response(child.stdout).text();
  expect(await child.exited).toBe(0);
  return text.trim().split("\n");
}

test("a program begins anew once, as the same process and with the same arguments", async () => {
  const { [PURGE_DELAY]: _, ...env } = process.env;
  const [first, second, end] = await lines(env);
  const before = JSON.parse(first ?? "");
  const after = JSON.parse(second ?? "");
  expect(before.kept).toBe(null);
  expect(after).toEqual({ ...before, kept: "10000" });
  expect(end).toBe("goes on");
});

test("what its user says of the allocator stays", async () => {
  const said = await lines({ ...process.env, [PURGE_DELAY]: "7" });
  expect(said.length).toBe(2);
  expect(JSON.parse(said[0] ?? "").kept).toBe("7");
});
