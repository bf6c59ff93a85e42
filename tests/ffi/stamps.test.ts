// Shows that the sequencer in the fabric (csrc/dpdk/sequencer.c) and the one that is a process give
// the same bytes: frames for both, and what becomes of them, lie in csrc/tests/stamps.txt, which
// this test makes with the process's sequencer, and csrc/tests/dpdk_sequencer_test.c reads.

import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Address } from "../../src/actor.ts";
import { Sequencer } from "../../src/protocol/kit/sequencer.ts";
import {
  decodeSequencing,
  encodeSequencing,
  unsequenced,
  type SequencingMessage,
} from "../../src/protocol/kit/sequencing-messages.ts";
import { AddressTable } from "../../src/transport/address.ts";
import { readSource, writeIds } from "../../src/transport/packet.ts";
import { HELLO, WELCOME } from "../../src/transport/proof.ts";
import { Reader, Writer } from "../../src/wire.ts";
import { configOf } from "../support/cluster.ts";
import { FakeHost } from "../support/fake-host.ts";

const PATH = join(import.meta.dir, "../../csrc/tests/stamps.txt");
const mac = (last: number) => Uint8Array.of(2, 0, 0, 0, 0, last);
const REPLICA = mac(1);
const SEQUENCER = mac(9);
const SEQUENCER_ID = 3;
const CLIENT = mac(0x77);
const MESSAGE = 0x88d5;
const PART = 0x88d6;
const IDS = 14;
const PAYLOAD = 17;

type Timer = "hello" | "flush";

/** Addresses as a process has them: replicas 0 to 3, then the sequencer; clients have proven. */
class Host extends FakeHost<SequencingMessage, Timer> {
  readonly book = new AddressTable([
    ...[1, 2, 4, 5].map((last) => ({ kind: "mac" as const, host: mac(last), id: 0 })),
    { kind: "mac", host: SEQUENCER, id: SEQUENCER_ID },
  ]);
  constructor() {
    super(0x5eed);
    this.book.prove(0x0200_0000, 0x77, 0);
  }
  override sourceOf(address: Address): number {
    return this.book.sourceOf(address);
  }
}

function frameOf(
  addresses: { readonly to: Uint8Array; readonly from: Uint8Array },
  [toId, fromId]: readonly [number, number],
  payload: Uint8Array,
  type = MESSAGE,
): Uint8Array {
  const length = Math.max(60, PAYLOAD + payload.length + 1);
  const frame = new Uint8Array(length);
  const view = new DataView(frame.buffer);
  frame.set(addresses.to);
  frame.set(addresses.from, 6);
  view.setUint16(12, type);
  expect(writeIds(view, IDS, toId, fromId)).toBe(true);
  frame.set(payload, PAYLOAD);
  frame[length - 1] = length - PAYLOAD - payload.length - 1;
  return frame;
}

function payloadOf(frame: Uint8Array): Uint8Array {
  return frame.slice(PAYLOAD, frame.length - 1 - (frame.at(-1) ?? 0));
}

function encoded(message: SequencingMessage, book: AddressTable): Uint8Array {
  const out = new Writer(new Uint8Array(4096), book);
  out.reset(0, 4096);
  encodeSequencing(message, out);
  return out.copy();
}

/** What the sequencer that is a process makes of a frame. */
function sequenced(actor: Sequencer, host: Host, frame: Uint8Array): Uint8Array | null {
  const view = new DataView(frame.buffer);
  const input = new Reader(payloadOf(frame), host.book);
  const message = decodeSequencing(input.u8(), input);
  if (message === null || !input.done) return null;
  const from = host.book.find(view.getUint32(6), view.getUint16(10), readSource(view, IDS));
  actor.receive(from, message);
  const [sent] = host.take();
  if (sent === undefined) return null;
  const all = { to: new Uint8Array(6).fill(0xff), from: SEQUENCER };
  return frameOf(all, [SEQUENCER_ID, SEQUENCER_ID], encoded(sent.message, host.book));
}

function inputs(
  incarnation: number,
  book: AddressTable,
): readonly (readonly [string, Uint8Array])[] {
  const from = (host: Uint8Array, id: number, message: SequencingMessage) =>
    frameOf({ to: SEQUENCER, from: host }, [SEQUENCER_ID, id], encoded(message, book));
  const op = (length: number) => new Uint8Array(length).fill(0xab);
  const request = (length: number) => ({ session: 2 ** 40 + 5, tag: 6, number: 7, op: op(length) });
  const open = { session: 0, tag: 0xabababab, number: 0, op: op(13) };
  const opens = (session: number, of = incarnation) =>
    from(REPLICA, 0, { kind: "openSession", session, incarnation: of });
  const client = book.find(0x0200_0000, 0x77, 5);
  const short = from(CLIENT, 5, unsequenced(request(8)));
  const cut = frameOf(
    { to: SEQUENCER, from: CLIENT },
    [SEQUENCER_ID, 5],
    payloadOf(short).slice(0, -1),
  );
  const signed = payloadOf(short);
  signed[26] = 1;
  return [
    ["replica", from(REPLICA, 0, { kind: "probe" })],
    ["client", short],
    ["replica", opens(0, incarnation + 1)],
    ["replica", opens(0)],
    // Opens are rationed once there are operations, which a fabric leaves to replicas.
    ["client", from(CLIENT, 1000, unsequenced(open))],
    ["replica", from(REPLICA, 0, unsequenced({ ...open, source: 77 }, { client }))],
    ["client", short],
    ["replica", from(REPLICA, 0, unsequenced(request(3), { client }))],
    ["client", from(CLIENT, 5, unsequenced(request(32), { reference: true }))],
    ["replica", opens(0)],
    ["replica", from(REPLICA, 0, { kind: "probe" })],
    ["replica", opens(7)],
    ["replica", opens(6)],
    ["client", from(CLIENT, 5, unsequenced(request(1332)))],
    ["client", from(CLIENT, 5, { kind: "probe" })],
    ["client", from(CLIENT, 5, { kind: "openSession", session: 9, incarnation })],
    ["client", cut],
    ["client", frameOf({ to: SEQUENCER, from: CLIENT }, [SEQUENCER_ID, 5], signed)],
    ["client", short],
  ];
}

function expectedText(): string {
  const host = new Host();
  const actor = new Sequencer(configOf({ batchMax: 1 }), host);
  actor.receive(0, { kind: "probe" });
  const incarnation = host.takeKind("alive")[0]?.incarnation ?? 0;
  const lines = inputs(incarnation, host.book).map(([who, frame]) => {
    // The fabric writes into it.
    const out = sequenced(actor, host, frame.slice());
    return `${who} ${hex(frame)} ${out === null ? "-" : hex(out)}`;
  });
  const ids = [SEQUENCER_ID, 1000] as const;
  const zeros = new Uint8Array(8);
  const hello = Buffer.concat([Uint8Array.of(HELLO), zeros]);
  const welcome = Buffer.concat([Uint8Array.of(WELCOME), zeros]);
  const greeted = frameOf({ to: SEQUENCER, from: CLIENT }, ids, hello, PART);
  const answered = frameOf({ to: CLIENT, from: SEQUENCER }, [1000, SEQUENCER_ID], welcome, PART);
  lines.push(`client ${hex(greeted)} ${hex(answered)}`);
  return [`incarnation ${incarnation}`, `mac ${hex(SEQUENCER)}`, ...lines, ""].join("\n");
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

test("FW11 what the fabric stamps is what the process stamps, byte for byte", () => {
  const text = expectedText();
  if (process.env["OSKR_REWRITE"] === "1") writeFileSync(PATH, text);
  expect(readFileSync(PATH, "utf8")).toBe(text);
  expect(text.split("\n").filter((line) => line.endsWith(" -")).length).toBe(7);
});
