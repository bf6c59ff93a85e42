// What replicas keep does not grow with what was executed: with all of them, with one down, and with
// clients that never show their certificates.

import { expect, setDefaultTimeout, test } from "bun:test";
import { encodeKvOperation } from "../../../src/app/operation.ts";
import type { Message } from "../../../src/protocol/zyzzyva/index.ts";
import { bytes } from "../../support/requests.ts";
import { CLIENT, ZyzzyvaCluster } from "./harness.ts";
import { PATIENCE_MS } from "../../support/patience.ts";

setDefaultTimeout(PATIENCE_MS);

const CLIENTS = 8;
const ROUNDS = 480;
const put = (value: string) =>
  encodeKvOperation({ kind: "put", key: bytes("k"), value: bytes(value) });

/** The most of each size of the census, of all replicas, in the first third of a run and the last. */
function sizesOf(silent: number | null, lost: readonly Message["kind"][]) {
  const cluster = new ZyzzyvaCluster({ batchMax: 4 });
  const clients = Array.from({ length: CLIENTS }, (_, i) => cluster.opened(CLIENT + i));
  if (silent !== null) cluster.stop(silent);
  cluster.drops = (_from, _to, { kind }) => lost.includes(kind);
  const most = [new Map<string, number>(), new Map<string, number>(), new Map<string, number>()];
  for (let round = 0; round < ROUNDS; round++) {
    let done = 0;
    for (const client of clients) client.invoke(put(`${1000 + round}`), () => done++);
    expect(cluster.runUntil(() => done === CLIENTS)).toBe(true);
    const third = most[Math.floor((3 * round) / ROUNDS)]!;
    for (const [i, replica] of cluster.replicas.entries()) {
      if (i === silent) continue;
      for (const { name, size, max } of replica.census().sizes) {
        expect([name, size <= max]).toEqual([name, true]);
        third.set(name, Math.max(third.get(name) ?? 0, size));
      }
    }
    cluster.trace.length = 0;
    cluster.heard.length = 0;
  }
  const { executed, view } = cluster.replica(0).census();
  return { first: most[0]!, last: most[2]!, executed, view };
}

const RUNS: readonly {
  readonly what: string;
  readonly silent: number | null;
  readonly lost: readonly Message["kind"][];
}[] = [
  { what: "all replicas", silent: null, lost: [] },
  { what: "one replica down", silent: 3, lost: [] },
  { what: "one down, and no client's certificate", silent: 3, lost: ["commit"] },
];

for (const { what, silent, lost } of RUNS) {
  test(`X12 Z31 what replicas keep stays as it is: ${what}`, () => {
    const { first, last, executed, view } = sizesOf(silent, lost);
    expect(executed).toBeGreaterThan((ROUNDS - 8) * CLIENTS);
    expect(view).toBe(0);
    for (const [name, size] of last) {
      expect([name, size]).toEqual([name, Math.min(size, first.get(name) ?? 0)]);
    }
  });
}
