// What is added to the registries is known by its name, to the workload's application alone, and a
// name is given once.

import { expect, test } from "bun:test";
import { join } from "node:path";

const PROGRAM = join(import.meta.dir, "registrations.ts");
const { stdout, stderr } = Bun.spawnSync([process.execPath, PROGRAM]);
const saw = JSON.parse(stdout.toString() || JSON.stringify({ error: stderr.toString() }));

test("an application of one's own is known with its workload, which others do not ask", () => {
  expect(saw).toMatchObject({ app: true, usual: "own-app", told: "fixed" });
  expect(saw.workloads).toContain("own-app");
});

test("a protocol of one's own is known by its name", () => {
  expect(saw.protocol).toBe(true);
});

test("what does not fit, and names that are taken or none, are refused", () => {
  expect(saw.refused).toEqual([
    "--workload own-app: is the app own-app's, not kv's",
    expect.stringContaining("keeps no records"),
    "kv: there is one of that name",
    "Own App: a name has lower-case letters, digits and hyphens",
    "own-protocol: there is one of that name",
  ]);
});
