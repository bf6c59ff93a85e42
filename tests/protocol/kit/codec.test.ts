// A protocol's codec: its own kinds beside those that all protocols share, with and without
// signatures.

import { expect, test } from "bun:test";
import { NO_PROOFS, type Proof, type Sealed } from "../../../src/actor.ts";
import { codecOf } from "../../../src/protocol/kit/codec.ts";
import { PROTOCOL_KINDS, type CommonMessage } from "../../../src/protocol/kit/messages.ts";
import { bytesOf, Reader } from "../../../src/wire.ts";
import { Packets } from "../../support/packets.ts";

interface Own extends Sealed {
  readonly kind: "own";
}

const own = {
  encode: (_message: Own, out: { u8(value: number): void }) => out.u8(PROTOCOL_KINDS),
  decode: (kind: number): Own | null => (kind === PROTOCOL_KINDS ? { kind: "own" } : null),
  proofs: () => NO_PROOFS,
};
const signed = codecOf<Own>(own);
const unsigned = codecOf<Own>(own, { signed: false });

const BLOCK = new Uint8Array(69);
const digest = new Uint8Array(32).fill(7);

/** Those that are sealed where protocols sign. */
const sealed: readonly CommonMessage[] = [
  {
    ...{ kind: "reply", replica: 2, view: 3, session: 4, tag: 5, number: 6, digest },
    outcome: { status: "done", result: Uint8Array.of(1, 2) },
  },
  { kind: "checkpoint", replica: 1, slot: 8, digest },
  { kind: "recover", replica: 3, nonce: new Uint8Array(16).fill(9) },
];

function bytes(codec: typeof signed, message: CommonMessage | Own): Uint8Array {
  return bytesOf((out) => codec.encode(message, out));
}

test.each(sealed)("a $kind that nobody signs has no seal, and is as short", (message) => {
  const encoded = bytes(unsigned, message);
  const decoded = unsigned.decode(new Reader(encoded));
  expect(decoded).toEqual(message);
  expect(decoded === null ? null : unsigned.proofs(decoded)).toEqual([]);
  const seal: Proof = { signer: 0, signed: encoded, signature: BLOCK };
  const withSeal = bytes(signed, { ...message, seal });
  expect(withSeal.length).toBe(encoded.length + BLOCK.length);
  const read = signed.decode(new Reader(withSeal));
  expect(read?.seal?.signed).toEqual(encoded);
  expect(read === null ? null : signed.proofs(read)).toHaveLength(1);
  // One form is never taken for the other.
  expect(unsigned.decode(new Reader(withSeal))).toBeNull();
  expect(signed.decode(new Reader(encoded))).toBeNull();
});

const short = { session: 5, tag: 6, number: 7, op: new Uint8Array(20).fill(8) };
const lone: readonly CommonMessage[] = [
  { kind: "request", request: short },
  { kind: "request", request: { ...short, op: new Uint8Array(3000).fill(9) } },
  { kind: "relay", client: 0, request: short },
];

test.each(lone)(
  "X13 a $kind with any bit flipped is not what its client sent, and is dropped",
  (message) => {
    const packets = new Packets(signed);
    const encoded = packets.packetOf(message, 0);
    expect(packets.decoded(encoded)).toEqual(message);
    // Where a relayed one's client is, is no part of what the client sent.
    const from = message.kind === "relay" ? 1 + 8 : 1;
    for (let bit = 8 * from; bit < 8 * encoded.length; bit++) {
      encoded[bit >> 3] = (encoded[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(packets.decoded(encoded)).toBeNull();
      encoded[bit >> 3] = (encoded[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    }
  },
);

test("kinds from PROTOCOL_KINDS on are the protocol's own", () => {
  for (const codec of [signed, unsigned]) {
    const decode = (...kind: readonly number[]) => codec.decode(new Reader(Uint8Array.from(kind)));
    expect(decode(PROTOCOL_KINDS)).toEqual({ kind: "own" });
    expect(decode(PROTOCOL_KINDS, 0)).toBeNull();
    expect(decode(PROTOCOL_KINDS + 1)).toBeNull();
    expect(decode(PROTOCOL_KINDS - 1)).toBeNull();
  }
});

test("strangers send requests, and of all else nothing", () => {
  const request = { session: 1, tag: 2, number: 3, op: new Uint8Array(1) };
  const keyed = { ...request, key: new Uint8Array(33), seal: new Uint8Array(69) };
  const firsts = [request, keyed].map(
    (one) => bytes(signed, { kind: "request", request: one })[0] ?? -1,
  );
  for (const codec of [signed, unsigned]) expect([...(codec.openKinds ?? [])]).toEqual(firsts);
});
