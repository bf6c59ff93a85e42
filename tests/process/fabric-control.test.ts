// Shows that a fabric takes rates that are possible, and no others.

import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FabricController, readControl, refuseControl } from "../../src/process/fabric-control.ts";
import { SharedPage } from "../../src/process/shared-page.ts";

const dir = mkdtempSync(join(tmpdir(), "oskr-control-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test("what is set last is read", () => {
  const path = join(dir, "control");
  expect(readControl(path)).toBeNull();
  const controller = new FabricController(path);
  controller.set({ drop: 0.1, delayUs: 2000 });
  controller.set({ drop: 0, delayUs: 5 });
  expect(readControl(path)).toEqual({ drop: 0, delayUs: 5 });
});

test.each([
  [{ drop: -0.1, delayUs: 0 }, "drop"],
  [{ drop: 1.5, delayUs: 0 }, "drop"],
  [{ drop: 0, delayUs: -1 }, "delayUs"],
  [{ drop: 0, delayUs: 1e9 }, "delayUs"],
  [{ drop: "1", delayUs: 0 }, "drop"],
  [{ drop: 0 }, "delayUs"],
  [null, "expected"],
])("%j is refused", (value, told) => {
  expect(refuseControl(value)).toContain(told);
  const path = join(dir, "wrong");
  new SharedPage(path).publish(JSON.stringify(value));
  expect(readControl(path)).toBeNull();
});
