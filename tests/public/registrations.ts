// A program that adds an application and a protocol of its own, and prints what is known of them
// then: registries are the process's, so that no test may add to its own.

import { apps } from "../../src/app/index.ts";
import { KvApp } from "../../src/app/kv.ts";
import { protocols } from "../../src/protocol/index.ts";
import { addApp, addProtocol, EMPTY, type OwnApp } from "../../src/public/index.ts";
import { chooseWorkload, WORKLOADS } from "../../src/workload/index.ts";

const own: OwnApp = {
  make: () => new KvApp(),
  workload: () => ({ asker: () => ({ next: () => EMPTY }) }),
};

/** What it throws. */
function refusal(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return "nothing";
}

addApp("own-app", own);
const pbft = protocols.get("pbft");
if (pbft === undefined) throw new Error("pbft is registered");
addProtocol("own-protocol", pbft);
console.log(
  JSON.stringify({
    app: apps.get("own-app")?.() instanceof KvApp,
    workloads: WORKLOADS,
    usual: chooseWorkload(undefined, [], "own-app").name,
    told: chooseWorkload("fixed", [], "own-app").name,
    protocol: protocols.get("own-protocol") === pbft,
    refused: [
      refusal(() => chooseWorkload("own-app", [], "kv")),
      refusal(() => chooseWorkload("ycsb:A", [], "own-app")),
      refusal(() => addApp("kv", own)),
      refusal(() => addApp("Own App", own)),
      refusal(() => addProtocol("own-protocol", pbft)),
    ],
  }),
);
