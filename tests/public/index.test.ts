// What is added to the registries is known by its name, to the workload's application alone, and a
// name is given once.

import { describe, expect, test } from "bun:test";
import { apps } from "../../src/app/index.ts";
import { KvApp } from "../../src/app/kv.ts";
import { protocols } from "../../src/protocol/index.ts";
import { addApp, addProtocol, EMPTY, type OwnApp } from "../../src/public/index.ts";
import { chooseWorkload, WORKLOADS } from "../../src/workload/index.ts";

const own: OwnApp = {
  make: () => new KvApp(),
  workload: () => ({ asker: () => ({ next: () => EMPTY }) }),
};

describe("an application of one's own", () => {
  test("is known with its workload, which others do not ask", () => {
    addApp("own-app", own);
    expect(apps.get("own-app")?.()).toBeInstanceOf(KvApp);
    expect(WORKLOADS).toContain("own-app");
    expect(chooseWorkload(undefined, [], "own-app").name).toBe("own-app");
    expect(chooseWorkload("fixed", [], "own-app").name).toBe("fixed");
    expect(() => chooseWorkload("own-app", [], "kv")).toThrow(
      "--workload own-app: is the app own-app's, not kv's",
    );
    expect(() => chooseWorkload("ycsb:A", [], "own-app")).toThrow("keeps no records");
  });

  test("has a name that is none's yet", () => {
    expect(() => addApp("kv", own)).toThrow("kv: there is one of that name");
    expect(() => addApp("Own App", own)).toThrow("lower-case letters, digits and hyphens");
  });
});

test("a protocol of one's own is known by its name, once", () => {
  const pbft = protocols.get("pbft") ?? expect.unreachable("pbft is registered");
  addProtocol("own-protocol", pbft);
  expect(protocols.get("own-protocol")).toBe(pbft);
  expect(() => addProtocol("own-protocol", pbft)).toThrow("there is one of that name");
});
