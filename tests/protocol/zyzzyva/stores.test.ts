// The stores under Zyzzyva: what one replica alone executed is undone by views, in random
// interleavings with what is kept, and is in no result and no state.

import { expect, setDefaultTimeout, test } from "bun:test";
import type { Bytes } from "../../../src/actor.ts";
import { apps, isOrdered } from "../../../src/app/index.ts";
import { encodeKvOperation } from "../../../src/app/operation.ts";
import { encodeRecord, encodeRecordOperation } from "../../../src/app/record-operation.ts";
import { Random } from "../../../src/base/seeded-random.ts";
import { JudgedApp, Ledger, stamp } from "../../../src/simulation/judge.ts";
import { bytes } from "../../support/requests.ts";
import { stateIn } from "../../support/states.ts";
import { CLIENT, ZyzzyvaCluster } from "./harness.ts";
import { PATIENCE_MS } from "../../support/patience.ts";

setDefaultTimeout(PATIENCE_MS);

const CLIENTS = 3;
const ROUNDS = 60;

function drawn(random: Random, ordered: boolean, value: string): Bytes {
  const key = bytes(random.pick(["a", "b", "c", "d"]));
  const record = encodeRecord([bytes(value), bytes("two")]);
  const plain = [
    encodeKvOperation({ kind: "get", key }),
    encodeKvOperation({ kind: "put", key, value: bytes(value) }),
    encodeKvOperation({ kind: "append", key, value: bytes(value) }),
    encodeKvOperation({ kind: "delete", key }),
  ];
  const fields = [{ index: 1, value: bytes(value) }];
  const ofRecords = [
    encodeRecordOperation({ kind: "insert", key, record }),
    encodeRecordOperation({ kind: "update", key, fields }),
    encodeRecordOperation({ kind: "scan", key, count: 3, field: null }),
  ];
  return random.pick(ordered ? [...plain, ...ofRecords] : plain);
}

for (const name of ["kv", "btree", "sqlite"]) {
  test(`Z1 Z20 F1 ${name}: what a view undoes is in no result, and in no state`, () => {
    const make = apps.get(name)!;
    const complaints: string[] = [];
    const complain = (what: string) => void complaints.push(what);
    const ledger = new Ledger({ invents: true, speculates: true }, complain);
    const judged: JudgedApp[] = [];
    let undone = 0;
    const app = () => {
      const store = make();
      const undo = store.rollback.bind(store);
      store.rollback = (count) => {
        undone += count;
        undo(count);
      };
      judged.push(new JudgedApp(`r${judged.length}`, store, ledger, complain));
      return judged.at(-1)!;
    };
    const cluster = new ZyzzyvaCluster({}, { app });
    const clients = Array.from({ length: CLIENTS }, (_, i) => cluster.opened(CLIENT + i));
    const random = new Random(1, `stores ${name}`);
    for (let round = 0; round < ROUNDS; round++) {
      const { view } = cluster.state(0);
      const primary = view % 4;
      // The order reaches one backup alone, or all; then its primary is left, and not heard.
      const alone = random.chance(0.4) ? (primary + 1 + random.int(3)) % 4 : null;
      cluster.drops = (from, to, { kind }) =>
        alone !== null &&
        from === primary &&
        (kind === "viewChange" || (kind === "orderReq" && to !== alone));
      let done = 0;
      for (const [i, client] of clients.entries()) {
        const op = drawn(random, isOrdered(name), `${round}`);
        client.invoke(stamp(i, round, op), () => done++);
      }
      cluster.settle();
      if (alone !== null || random.chance(0.1)) {
        for (let i = 0; i < 4; i++) if (i !== primary) cluster.replica(i).hates.hate();
        cluster.runUntil(() => cluster.replicas.every((_, i) => cluster.state(i).view > view));
      }
      cluster.drops = () => false;
      expect(cluster.runUntil(() => done === CLIENTS)).toBe(true);
    }
    cluster.advance(1000);
    expect(complaints).toEqual([]);
    expect(undone).toBeGreaterThan(ROUNDS / 2);
    // The same operations in a store that nothing was undone in.
    const other = make();
    const all = new JudgedApp("other", other, null, complain);
    for (const { op } of ledger.canonical) all.execute(op);
    // With what opened the sessions.
    expect(ledger.canonical.length).toBe((ROUNDS + 1) * CLIENTS);
    for (const one of judged) expect(stateIn(one)).toEqual(stateIn(all));
  });
}
