// The messages of an ordered network: each has one wire form, and what is stamped fits one packet.

import { expect, test } from "bun:test";
import { makeBatch } from "../../../src/protocol/kit/batch.ts";
import type { Request } from "../../../src/protocol/kit/request.ts";
import {
  decodeSequencing,
  encodeSequencing,
  fitsStamp,
  isSequencing,
  SEQUENCED_MAX,
  SEQUENCING_KINDS,
  unsequenced,
  type SequencingMessage,
} from "../../../src/protocol/kit/sequencing-messages.ts";
import { Reader, Writer, type AddressBook } from "../../../src/wire.ts";

const BOOK: AddressBook = {
  intern: (_high, low) => low,
  write: (address, view, at) => view.setUint32(at + 4, Math.max(0, address)),
};
const out = new Writer(new Uint8Array(65_536), BOOK);

function wireOf(message: SequencingMessage): Uint8Array {
  out.reset(0, 65_536);
  encodeSequencing(message, out);
  return out.copy();
}

function read(bytes: Uint8Array): SequencingMessage | null {
  const input = new Reader(bytes, BOOK);
  const message = decodeSequencing(input.u8(), input);
  return input.done ? message : null;
}

const request: Request = { session: 3, tag: 4, number: 5, op: new Uint8Array(32).fill(6) };
const stamp = { session: 7, incarnation: 2 ** 48 - 1, number: 9 };

const messages: readonly SequencingMessage[] = [
  { kind: "sequenced", stamp, reference: false, batch: makeBatch([request, request], [11, 12]) },
  { kind: "sequenced", stamp, reference: true, batch: makeBatch([request], [11]) },
  { kind: "probe" },
  { kind: "alive", incarnation: 1, session: null, number: 0 },
  { kind: "alive", incarnation: 1, session: 0, number: 2 },
  { kind: "openSession", session: 0, incarnation: 4 },
  { kind: "sessionOpened", session: 5, incarnation: 4, first: 1 },
  { kind: "sequencerHello", incarnation: 8 },
];

test.each(messages)("FW10 $kind is read as it was written", (message) => {
  const bytes = wireOf(message);
  const decoded = read(bytes);
  expect(decoded?.kind).toBe(message.kind);
  expect([isSequencing(message), isSequencing({ kind: "request" })]).toEqual([true, false]);
  expect(SEQUENCING_KINDS).toContain(bytes[0] ?? 0);
  if (decoded === null || decoded.kind !== "sequenced" || message.kind !== "sequenced") {
    expect(decoded).toEqual(message);
    return;
  }
  expect({ ...decoded, batch: decoded.batch.bytes }).toEqual({
    ...message,
    batch: message.batch.bytes,
  });
  expect([decoded.batch.clients.at(0), decoded.batch.requests[0]]).toEqual([11, request]);
  expect(wireOf(decoded)).toEqual(bytes);
});

test("FW10 what one kind has no use for is 0, or malformed", () => {
  for (const message of messages) {
    if (message.kind === "sequenced") continue;
    const bytes = wireOf(message);
    for (let at = 1; at < bytes.length; at++) {
      const altered = Uint8Array.from(bytes, (byte, i) => (i === at ? byte ^ 1 : byte));
      const decoded = read(altered);
      if (decoded !== null) expect(wireOf(decoded)).toEqual(altered);
    }
  }
});

test("FW10 an authenticator, an empty batch and a reference to several requests are malformed", () => {
  const whole = wireOf({
    ...{ kind: "sequenced", stamp, reference: false },
    batch: makeBatch([request, request], [11, 12]),
  });
  const flagged = whole.slice();
  flagged[27] = 1;
  expect(read(flagged)).toBeNull();
  const authenticated = whole.slice();
  authenticated[26] = 1;
  expect(read(authenticated)).toBeNull();
  const empty = { kind: "sequenced", stamp, reference: false, batch: makeBatch([], []) } as const;
  expect(read(wireOf(empty))).toBeNull();
  const short = unsequenced({ ...request, op: new Uint8Array(31) }, { reference: true });
  expect(read(wireOf(short))).toBeNull();
});

test("FW10 the largest request that is stamped as it is fits one packet, and no larger one", () => {
  const largest = { ...request, op: new Uint8Array(1332) };
  expect(fitsStamp(largest)).toBe(true);
  expect(wireOf(unsequenced(largest)).length).toBe(SEQUENCED_MAX);
  expect(fitsStamp({ ...request, op: new Uint8Array(1333) })).toBe(false);
});

test("FW10 a client's message has no stamp and no address of the client", () => {
  const bytes = wireOf(unsequenced(request));
  expect(bytes.subarray(1, 28)).toEqual(new Uint8Array(27));
  expect(bytes.subarray(-8)).toEqual(new Uint8Array(8));
  expect(wireOf(unsequenced(request, { client: 5 })).at(-1)).toBe(5);
});
