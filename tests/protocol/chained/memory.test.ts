// What a Byzantine leader can have replicas decode and keep before it is ordered.

import { expect, test } from "bun:test";
import { footprintOf, makeBatch, type Batch } from "../../../src/protocol/kit/batch.ts";
import type { Request } from "../../../src/protocol/kit/request.ts";
import { makeBlock, type Block } from "../../../src/protocol/chained/block.ts";
import { GENESIS_QC, type Qc, type Tc } from "../../../src/protocol/chained/certificate.ts";
import type { Message } from "../../../src/protocol/chained/message.ts";
import { EMPTY, Reader } from "../../../src/wire.ts";
import { CLIENT, packets, qc, Solo, tc } from "./harness.ts";

function large(view: number, justify: Qc = GENESIS_QC, fill = view): Block {
  const op = new Uint8Array(1024 * 1024).fill(fill);
  const batch = makeBatch([{ session: 9000, tag: 1, number: 1, op }], [CLIENT]);
  return makeBlock(view, view % 4, justify, batch);
}

function refusedBytes(solo: Solo, message: Message, from: number): string | null {
  const bytes = packets.packetOf(message, from);
  return solo.replica.refuseBytes(from, new Reader(bytes), bytes.length);
}

/** Why a proposal is refused by its first bytes: the same is said of the message. */
function refused(solo: Solo, block: Block, entered: Tc | null = null, by?: number): string | null {
  const replica = by ?? block.author;
  const { view, justify, batch } = block;
  const authored = makeBlock(view, replica, justify, batch);
  const message = { kind: "propose", replica, block: authored, tc: entered } as const;
  const early = refusedBytes(solo, message, replica);
  expect(solo.replica.refuse(replica, message)).toBe(early as never);
  return early;
}

test("X12 a large proposal that is not needed is refused before it is decoded, and before its check", () => {
  const solo = new Solo();
  const first = large(1);
  expect(refused(solo, first)).toBeNull();
  expect(refused(solo, first, null, 2)).toContain("does not lead");
  // Nothing lets into a view to come: neither the QC of the view before nor a TC.
  expect(refused(solo, large(6))).toContain("without proof of its view");
  expect(refused(solo, large(6), tc(4))).toContain("without proof of its view");
  expect(refused(solo, large(6), tc(5))).toBeNull();
  const second = large(2, qc(first));
  expect(refused(solo, second)).toBeNull();
  solo.propose(first);
  // Another block of its view, and the same once more while the vote is fresh.
  expect(refused(solo, large(1, GENESIS_QC, 9))).toContain("earlier view");
  expect(refused(solo, first)).toContain("earlier view");
  solo.propose(second);
  expect(solo.view).toBe(2);
  expect(refused(solo, large(1, GENESIS_QC, 9))).toContain("earlier view");
});

test("X12 a large proposal that comes again is let through where a vote may be lost", () => {
  const solo = new Solo();
  const first = large(1);
  solo.propose(first);
  solo.host.clockMs = solo.config.viewTimeoutMs / 16;
  expect(refused(solo, first)).toBeNull();
  expect(refused(solo, large(1, GENESIS_QC, 9))).toContain("earlier view");
});

test("X12 a block that is missing is let through in a proposal of an earlier view too", () => {
  const solo = new Solo();
  const [first, other] = [large(1), large(1, GENESIS_QC, 9)];
  solo.propose(first);
  solo.receive(2, { kind: "entry", highQc: qc(other), tc: null });
  expect(refused(solo, other)).toBeNull();
  expect(refused(solo, first)).toContain("earlier view");
});

test("X12 what is small, or no proposal, is not looked at before it is decoded", () => {
  const solo = new Solo();
  const stray = makeBlock(6, 2, GENESIS_QC, makeBatch([], []));
  const small = { kind: "propose", replica: 2, block: stray, tc: null } as const;
  expect(refusedBytes(solo, small, 2)).toBeNull();
  expect(refusedBytes(solo, { kind: "block", block: large(6), more: false }, 2)).toBeNull();
});

test("J19 X12 large proposals that wait for a block keep out none of the leader that it names", () => {
  const quorum = Array.from({ length: 11 }, (_, i) => i);
  const missing = makeBlock(1, 1, GENESIS_QC, makeBatch([], []));
  const second = (author: number, batch: Batch): Message => {
    const block = makeBlock(2, author, qc(missing, quorum), batch);
    return { kind: "propose", replica: author, block, tc: null };
  };
  const leader = (view: number) => view % 16;
  const solo = new Solo(0, { n: 16, f: 5, reputation: true, leader });
  const held = () => {
    const { sizes } = solo.replica.census();
    const find = (name: string) => sizes.find((one) => one.name === name) ?? { size: 0, max: 0 };
    const { size, max } = find("held.proposals bytes");
    return { kept: find("held.proposals").size, room: max - size };
  };
  // Batches of many small requests take the most memory.
  const small = { session: 9, tag: 1, number: 1, op: EMPTY };
  const many = makeBatch(new Array<Request>(43_000).fill(small), new Array(43_000).fill(CLIENT));
  for (const liar of [11, 12, 13, 14, 15]) solo.receive(liar, second(liar, many));
  const { batch } = large(2);
  expect(held().kept).toBe(4);
  expect(held().room).toBeLessThan(footprintOf(batch));
  solo.receive(2, second(2, batch));
  solo.receive(1, { kind: "block", block: missing, more: false });
  expect(solo.voted()).toEqual([2]);
});
