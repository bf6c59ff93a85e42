// Replicas that lose their memory: silent until what they can have said does not matter, then
// heard in later views only.

import { expect, test } from "bun:test";
import { encodeKvOperation } from "../../../src/app/operation.ts";
import { bytes } from "../../support/requests.ts";
import { ZyzzyvaCluster } from "./harness.ts";

const put = (value: string) =>
  encodeKvOperation({ kind: "put", key: bytes("k"), value: bytes(value) });
const SPEAKS = [
  ...["specReply", "history", "localCommit", "viewConfirm", "hate", "viewChange", "checkpoint"],
  ...["pom", "orderReq"],
];

/** Three replicas that have done something, and one that starts without its memory. */
function forgotten(): { cluster: ZyzzyvaCluster; bound: number } {
  const cluster = new ZyzzyvaCluster();
  const client = cluster.opened();
  for (let i = 0; i < 6; i++) cluster.ask(client, put(`${i}`));
  cluster.advance(200);
  cluster.stop(3);
  const bound = cluster.state(0).low + 4 * 4;
  cluster.trace.length = 0;
  cluster.start(3);
  return { cluster, bound };
}

test("Z24 who recovers says nothing; the others fill slots until it has", () => {
  const { cluster, bound } = forgotten();
  const recovering = () => cluster.replica(3).start.phase !== "running";
  expect(cluster.runUntil(() => !recovering(), 20_000)).toBe(true);
  const said = cluster.trace.filter(({ from }) => from === 3);
  const spoken = said.findIndex(({ message }) => SPEAKS.includes(message.kind));
  const recovered = said.findIndex(({ message }) => message.kind === "recovered");
  expect(spoken === -1 || spoken >= recovered).toBe(true);
  expect(cluster.state(3).low).toBeGreaterThanOrEqual(bound);
});

test("Z25 Z26 it is heard in a later view only, which is begun for it: the fast path is back", () => {
  const { cluster } = forgotten();
  cluster.runUntil(() => cluster.replica(3).start.phase === "running", 20_000);
  expect(cluster.runUntil(() => cluster.state(3).active, 1000)).toBe(true);
  expect(cluster.state(3).view).toBeGreaterThan(0);
  for (const message of cluster.sent("specReply", 3)) expect(message.view).toBeGreaterThan(0);
  const client = cluster.opened(101);
  const { fast } = client.completed;
  for (let i = 0; i < 5; i++) cluster.ask(client, put(`${i}`));
  expect(client.completed.fast).toBeGreaterThan(fast);
});

test("Z26 a recovery that is told again costs no second view", () => {
  const { cluster } = forgotten();
  cluster.runUntil(() => cluster.state(3).active, 30_000);
  const { view } = cluster.state(0);
  const stable = cluster.replica(0).sync.checkpoints.reached;
  cluster.inject(3, 0, { kind: "recovered", replica: 3, view, stable });
  cluster.settle();
  expect(cluster.sent("hate", 0).filter((hate) => hate.view === view)).toEqual([]);
});
