// Leaving a view whose primary fails, and what the next one begins with.

import { expect, test } from "bun:test";
import { EMPTY_BATCH, makeBatch } from "../../../src/protocol/kit/batch.ts";
import { GENESIS } from "../../../src/protocol/kit/checkpoint.ts";
import type { PreparedCertificate } from "../../../src/protocol/pbft/certificate.ts";
import { makeViewChange, type ViewChangeMessage } from "../../../src/protocol/pbft/message.ts";
import { codec, type Message, type NewViewMessage } from "../../../src/protocol/pbft/message.ts";
import { newViewLog } from "../../../src/protocol/pbft/view-change.ts";
import type { Certificate } from "../../../src/protocol/kit/quorum.ts";
import { equal } from "../../../src/wire.ts";
import { holds } from "../../support/packets.ts";
import { CLIENT, packets, PbftCluster } from "./harness.ts";
import { bytes, openOf } from "../../support/requests.ts";

const A = makeBatch([openOf(1)], [CLIENT]);
const B = makeBatch([openOf(2)], [CLIENT]);

/** A prepared certificate with real signatures: of the primary and of two backups. */
function prepared(slot: number, view: number, batch = A): PreparedCertificate {
  const primary = view % 4;
  const { digest } = batch;
  const of = (kind: "prePrepare" | "prepare", replica: number) =>
    packets.carried({ kind, replica, view, slot, digest, batch: null } as Message).seal!;
  const others = [0, 1, 2, 3].filter((i) => i !== primary).slice(0, 2);
  const seals = others.map((i) => of("prepare", i));
  const prepares: Certificate = { signers: others, blocks: seals.map((seal) => seal.signature) };
  return { slot, view, digest, primary, block: of("prePrepare", primary).signature, prepares };
}

function change(replica: number, view: number, certificates: PreparedCertificate[] = []) {
  return packets.carried(
    makeViewChange(replica, view, { stable: GENESIS, prepared: certificates }),
  );
}

function newView(
  view: number,
  changes: ViewChangeMessage[],
  digests = newViewLog(changes).digests,
): NewViewMessage {
  const viewChanges = changes.map(({ replica, digest }) => ({ replica, digest }));
  return { kind: "newView", replica: view % 4, view, viewChanges, stable: 0, digests };
}

/** Replica `self` alone; the test plays the others. */
function alone(self: number): PbftCluster {
  const cluster = new PbftCluster();
  for (let i = 0; i < 4; i++) if (i !== self) cluster.stop(i);
  return cluster;
}

test("P7 a view-change carries the stable checkpoint and what is prepared above it, with proofs", () => {
  const cluster = new PbftCluster();
  const next = cluster.open();
  for (let i = 0; i < 5; i++) cluster.request(next(bytes(`${i}`)));
  cluster.drops = (_from, _to, { kind }) => kind === "commit";
  cluster.request(next(bytes("not committed")));
  cluster.advance(150);
  const [message] = cluster.sent("viewChange", 2).map((sent) => packets.carried(sent));
  expect(message?.stable.slot).toBe(4);
  expect(message?.stable.certificate.signers.length).toBe(3);
  expect(message?.prepared.map(({ slot }) => slot)).toEqual([5, 6, 7]);
  const proofs = codec.proofs(message!);
  expect(proofs.length).toBe(1 + 3 + 3 * 3);
  expect(proofs.every(holds)).toBe(true);
});

test("P7 a prepared certificate is kept whatever later pre-prepares say", () => {
  const cluster = alone(3);
  const { digest } = A;
  const vote = { view: 0, slot: 1, digest } as const;
  cluster.inject(0, 3, { kind: "prePrepare", replica: 0, ...vote, batch: A });
  for (const i of [1, 2]) cluster.inject(i, 3, { kind: "prepare", replica: i, ...vote });
  cluster.settle();
  // The next view's other three know nothing of it, so its primary proposes another batch.
  const changes = [0, 1, 2].map((i) => change(i, 1));
  for (const message of changes) cluster.inject(message.replica, 3, message);
  cluster.inject(1, 3, newView(1, changes));
  cluster.inject(1, 3, {
    kind: "prePrepare",
    replica: 1,
    view: 1,
    slot: 1,
    digest: B.digest,
    batch: B,
  });
  cluster.settle();
  expect(cluster.sent("prepare", 3).map(({ view }) => view)).toEqual([0, 1]);
  for (const i of [0, 1]) cluster.inject(i, 3, change(i, 2));
  cluster.settle();
  const last = cluster.sent("viewChange", 3).at(-1);
  expect(last?.view).toBe(2);
  expect(last?.prepared.map(({ view, slot }) => [view, slot])).toEqual([[0, 1]]);
  expect(equal(last?.prepared[0]?.digest ?? bytes(""), A.digest)).toBe(true);
});

test("P8 new-view fills gaps with null batches and takes the highest view of each slot", () => {
  const plan = newViewLog([
    change(0, 5, [prepared(1, 0, A), prepared(3, 2, A)]),
    change(1, 5, [prepared(1, 3, B)]),
    change(2, 5, [prepared(3, 1, B)]),
  ]);
  expect(plan.digests).toEqual([B.digest, EMPTY_BATCH.digest, A.digest]);
});

test("P8 a view-change with a certificate that does not fit is worth nothing", () => {
  const good = prepared(1, 0);
  const wrong: PreparedCertificate[] = [
    prepared(1, 5),
    prepared(9, 0),
    { ...good, primary: 1 },
    { ...good, prepares: { signers: [1], blocks: good.prepares.blocks.slice(0, 1) } },
    { ...good, prepares: { signers: [1, 1], blocks: good.prepares.blocks } },
    { ...good, prepares: { signers: [0, 1], blocks: good.prepares.blocks } },
  ];
  for (const certificate of wrong) {
    const cluster = alone(3);
    // Handed to the replica as if its signatures held.
    for (const i of [0, 1]) cluster.replica(3).receive(i, change(i, 5, [certificate]));
    expect(cluster.state(3).view).toBe(0);
  }
  const cluster = alone(3);
  for (const i of [0, 1]) cluster.replica(3).receive(i, change(i, 5, [good]));
  expect(cluster.state(3).view).toBe(5);
});

test("P8 a backup refuses a new-view whose O does not follow from its view-changes", () => {
  const changes = [change(0, 1, [prepared(2, 0)]), change(1, 1), change(2, 1)];
  const right = newViewLog(changes).digests;
  const wrongs = [[], [EMPTY_BATCH.digest], [right[1]!, right[0]!], [...right, A.digest]];
  for (const [i, digests] of [...wrongs, right].entries()) {
    const cluster = alone(3);
    for (const message of changes) cluster.inject(message.replica, 3, message);
    cluster.inject(1, 3, newView(1, changes, digests));
    cluster.settle();
    expect(cluster.state(3).active).toBe(i === wrongs.length);
  }
});

test("P3 in the slots of O a backup accepts what O has, and behind them anything", () => {
  const changes = [change(0, 1, [prepared(2, 0)]), change(1, 1), change(2, 1)];
  const cluster = alone(3);
  for (const message of changes) cluster.inject(message.replica, 3, message);
  cluster.inject(1, 3, newView(1, changes));
  const propose = (slot: number, batch: typeof A) => {
    const { digest } = batch;
    const message = { kind: "prePrepare", replica: 1, view: 1, slot, digest, batch } as const;
    cluster.inject(1, 3, message);
    cluster.settle();
    return cluster.sent("prepare", 3).map((prepare) => prepare.slot);
  };
  expect(propose(2, B)).toEqual([]);
  expect(propose(2, A)).toEqual([2]);
  expect(propose(3, B)).toEqual([2, 3]);
});

test("P8 a new-view of two view-changes, or of one twice, or from another replica is refused", () => {
  const changes = [0, 1, 2].map((i) => change(i, 1));
  const [first, second] = changes;
  const wrongs = [
    newView(1, [first!, second!]),
    newView(1, [first!, second!, second!]),
    { ...newView(1, changes), replica: 2 },
  ];
  for (const message of wrongs) {
    const cluster = alone(3);
    for (const vote of changes) cluster.inject(vote.replica, 3, vote);
    cluster.inject(message.replica, 3, message);
    cluster.settle();
    expect(cluster.state(3).active).toBe(false);
  }
});

test("P8 a backup fetches view-changes that a new-view names and that it lacks", () => {
  const cluster = new PbftCluster();
  const next = cluster.open();
  cluster.stop(0);
  cluster.drops = (_from, to, { kind }) => to === 3 && kind === "viewChange";
  cluster.request(next(bytes("a")), [1, 2, 3]);
  cluster.advance(120);
  expect(cluster.state(3).active).toBe(false);
  expect(cluster.sent("fetchViewChange", 3).length).toBeGreaterThan(0);
  cluster.drops = () => false;
  cluster.advance(400);
  expect(cluster.state(3)).toMatchObject({
    view: cluster.state(1).view,
    active: true,
  });
});

test("P8 what was executed is not executed again, and a missing batch is fetched by its digest", () => {
  const cluster = new PbftCluster();
  const next = cluster.open();
  // Replica 3 never hears of slot 2; of the others nobody commits it but replica 2.
  cluster.drops = (from, to, message) =>
    from === 3 || to === 3 || (message.kind === "commit" && to !== 2);
  const request = next(bytes("a"));
  cluster.request(request, [0]);
  expect(cluster.state(2).executed).toBe(2);
  const { position } = cluster.state(2);
  cluster.drops = (_from, _to, { kind }) => kind === "status";
  cluster.stop(0);
  cluster.request(next(bytes("b")), [1, 2, 3]);
  cluster.advance(1000);
  expect(cluster.sent("fetchBatch", 3).length).toBeGreaterThan(0);
  expect(cluster.results(request).get(3)).toEqual(cluster.results(request).get(2)!);
  for (const i of [1, 2, 3]) expect(cluster.state(i).position).toBe(position + 1);
});

test("P2 P9 a stranger's requests of guessed sessions are not relayed and make no view change", () => {
  const cluster = new PbftCluster();
  const next = cluster.open();
  cluster.request(next(bytes("a")));
  const { session } = next(bytes("b"));
  const stranger = CLIENT + 1;
  cluster.heard.length = 0;
  for (let i = 0; i < 300; i++) {
    for (const guessed of [session, session + 1000 + i]) {
      const request = { session: guessed, tag: i, number: 1, op: bytes("x") };
      cluster.request(request, [1, 2, 3], stranger);
    }
    cluster.advance(5);
  }
  for (let i = 0; i < 4; i++) expect(cluster.state(i).view).toBe(0);
  expect(cluster.sent("relay").filter(({ client }) => client === stranger)).toEqual([]);
  // A session that is gone for good is told at once; one that may still be opened is not.
  const answered = new Set(cluster.replies.map((reply) => reply.session));
  expect([...answered]).toEqual([session]);
  expect(new Set(cluster.replies.map(({ outcome }) => outcome.status))).toEqual(
    new Set(["no session"]),
  );
});

test("P9 the timer runs for the oldest request, and doubles with each view that fails", () => {
  const cluster = new PbftCluster();
  for (const i of [0, 1]) cluster.stop(i);
  cluster.request(openOf(1), [2, 3]);
  cluster.advance(60);
  cluster.request(openOf(2), [2, 3]);
  cluster.advance(35);
  expect(cluster.state(2).view).toBe(0);
  cluster.advance(10);
  expect(cluster.state(2)).toMatchObject({ view: 1, active: false, timeoutMs: 200 });
  // Two of four: no quorum is on the way, so nobody goes further.
  cluster.advance(3000);
  expect(cluster.state(2).view).toBe(1);
});

test("P9 the timer stops when the request is executed, and the view stays", () => {
  const cluster = new PbftCluster();
  cluster.request(openOf(1), [1, 2, 3]);
  cluster.advance(5000);
  expect(cluster.replicas.map(({ view }) => view)).toEqual([0, 0, 0, 0]);
});

test("P9 a request that is executed with other contents stops the timer as well", () => {
  const cluster = new PbftCluster();
  const next = cluster.open();
  const request = next(bytes("one"));
  cluster.drops = (_from, _to, { kind }) => kind === "relay";
  cluster.request({ ...request, op: bytes("another") }, [2]);
  cluster.request(request, [0]);
  cluster.advance(2000);
  expect(cluster.state(2).view).toBe(0);
});

test("P9 a replica joins the smallest of f + 1 VIEW-CHANGEs for later views, and does not join f", () => {
  const cluster = alone(3);
  cluster.inject(0, 3, change(0, 7));
  cluster.settle();
  expect(cluster.state(3).view).toBe(0);
  cluster.inject(1, 3, change(1, 4));
  cluster.settle();
  expect(cluster.state(3)).toMatchObject({ view: 4, active: false });
});

test("P9 the next timer starts with q view-changes for this view or later", () => {
  const cluster = alone(3);
  for (const i of [0, 1]) cluster.inject(i, 3, change(i, 1 + i));
  cluster.settle();
  expect(cluster.state(3).view).toBe(1);
  // Its own, one for view 1 and one for view 2.
  expect(cluster.host(3).timers.has("view")).toBe(true);
  cluster.advance(250);
  expect(cluster.state(3).view).toBe(2);
});

test("P9 the timeout is capped, and returns with an execution", () => {
  const cluster = new PbftCluster();
  cluster.drops = (_from, _to, { kind }) => kind === "newView";
  cluster.request(openOf(1));
  cluster.drops = (_from, _to, { kind }) => kind === "newView" || kind === "prepare";
  cluster.request(openOf(2));
  cluster.advance(20_000);
  expect(cluster.state(2).timeoutMs).toBe(1600);
  cluster.drops = () => false;
  cluster.advance(5000);
  expect(cluster.state(2).timeoutMs).toBe(100);
});

test("P3 P8 a new primary proposes O before anything else, also when a replica recovers", () => {
  const cluster = new PbftCluster();
  for (const i of [0, 2, 3]) cluster.stop(i);
  const digest = new Uint8Array(32).fill(7);
  const signers = [0, 2, 3];
  const blocks = signers.map(
    (replica) =>
      packets.carried({ kind: "checkpoint", replica, slot: 4, digest } as Message).seal!.signature,
  );
  const stable = { slot: 4, digest, certificate: { signers, blocks } };
  // Slots are wanted for a replica that recovers, and the checkpoint of the view is news.
  const nonce = new Uint8Array(16).fill(1);
  cluster.inject(CLIENT, 1, { kind: "request", request: openOf(9) });
  cluster.inject(3, 1, { kind: "recover", replica: 3, nonce });
  cluster.settle();
  for (const i of [0, 2]) {
    const change = makeViewChange(i, 1, { stable, prepared: [prepared(5, 0)] });
    cluster.inject(i, 1, packets.carried(change));
  }
  cluster.settle();
  expect(cluster.state(1)).toMatchObject({ view: 1, active: true });
  const proposed = cluster.sent("prePrepare", 1).filter(({ view }) => view === 1);
  const slots = proposed.map(({ slot }) => slot);
  expect(new Set(slots).size).toBe(slots.length);
  expect(slots[0]).toBe(5);
  expect(proposed[0]?.digest).toEqual(A.digest);
  expect(slots.length).toBeGreaterThan(1);
});

test("P9 what a replica relays to others than the primary deposes no primary", () => {
  const cluster = new PbftCluster();
  const next = cluster.open();
  for (let i = 0; i < 6; i++) {
    const request = next(bytes(`${i}`));
    for (const to of [1, 2]) {
      cluster.inject(3, to, { kind: "relay", client: CLIENT + 7, request });
    }
    cluster.advance(130);
  }
  for (let i = 0; i < 4; i++) expect(cluster.state(i).view).toBe(0);
});
