// ./replica with a store that has no room after some operations, where OSKR_TEST_ROOM says how many.

import type { Bytes } from "../../src/actor.ts";
import { KvApp } from "../../src/app/kv.ts";
import { addApp, EMPTY, replica } from "../../src/public/index.ts";

let room = Number(process.env["OSKR_TEST_ROOM"] ?? Infinity);

class Exhausted extends KvApp {
  override execute(op: Bytes): Bytes {
    if (room-- > 0) return super.execute(op);
    return new Uint8Array(2 ** 46);
  }
}

const asker = { next: () => EMPTY };
addApp("exhausted", { make: () => new Exhausted(), workload: () => ({ asker: () => asker }) });
await replica();
