// Shows that a replica tells what it runs to those who have proven their address, in no more bytes
// than it was asked with, and that nothing else comes of an inquiry.

import { beforeEach, expect, test } from "bun:test";
import fc from "fast-check";
import type { Address, Bytes } from "../../src/actor.ts";
import { ANSWER, Inquiries, INQUIRY, TEXT_MAX } from "../../src/transport/inquiry.ts";
import type { ProofPort } from "../../src/transport/proof.ts";
import { Reader, Writer } from "../../src/wire.ts";

interface Sent {
  readonly source: number;
  readonly to: Address;
  readonly part: boolean;
  readonly bytes: Bytes;
}

const NONCE = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
const TEXT = new TextEncoder().encode('{"app":"kv"}');

let sent: Sent[];
let drops: string[];
let replica: Inquiries;
let client: Inquiries;

function make(): Inquiries {
  const writer = new Writer(new Uint8Array(1400));
  const port: ProofPort = {
    beginPacket: () => writer.reset(0, 1400),
    send: (source, to, part) => sent.push({ source, to, part, bytes: writer.copy() }),
    flush: () => {},
    drop: (reason) => drops.push(reason),
  };
  return new Inquiries(port);
}

function hear(who: Inquiries, from: Address, bytes: Bytes): void {
  const input = new Reader(bytes);
  who.receive(input.u8(), 5, from, input);
}

beforeEach(() => {
  sent = [];
  drops = [];
  replica = make();
  client = make();
});

test("who asks is told, with its nonce, in no more bytes than it sent, from the id it asked", () => {
  const got: unknown[] = [];
  client.listen((from, nonce, text) => got.push([from, nonce, text]));
  for (const text of [TEXT, new Uint8Array(TEXT_MAX).fill(65)]) {
    replica.answerWith(text);
    client.ask(3, NONCE);
    const [inquiry] = sent.splice(0);
    expect(inquiry).toMatchObject({ to: 3, part: true });
    hear(replica, 9, inquiry!.bytes);
    const [answer] = sent.splice(0);
    expect(answer).toMatchObject({ source: 5, to: 9, part: true });
    expect(answer!.bytes.length).toBeLessThanOrEqual(inquiry!.bytes.length);
    hear(client, 3, answer!.bytes);
    expect(got.splice(0)).toEqual([[3, NONCE, text]]);
  }
  expect(drops).toEqual([]);
});

test("one that has nothing to tell says nothing, and whoever listens not drops an answer", () => {
  client.ask(3, NONCE);
  hear(replica, 9, sent.splice(0)[0]!.bytes);
  hear(client, 3, Uint8Array.of(ANSWER, ...NONCE, ...TEXT));
  expect(sent).toEqual([]);
});

test("whatever comes, no more bytes leave than came, and an answer brings none", () => {
  replica.answerWith(TEXT);
  fc.assert(
    fc.property(
      fc.constantFrom(INQUIRY, ANSWER),
      fc.uint8Array({ maxLength: 40 }),
      (kind, rest) => {
        hear(replica, 9, Uint8Array.of(kind, ...rest));
        const left = sent.splice(0);
        const room = rest.length - NONCE.length;
        expect(left).toHaveLength(kind === INQUIRY && room >= TEXT.length ? 1 : 0);
        for (const { bytes } of left) expect(bytes.length).toBeLessThanOrEqual(1 + rest.length);
      },
    ),
  );
  hear(replica, 9, Uint8Array.of(INQUIRY, ...NONCE.subarray(1)));
  hear(replica, 9, Uint8Array.of(INQUIRY, ...NONCE, 0));
  expect(drops.slice(-2)).toEqual(["malformed inquiry", "inquiry shorter than its answer"]);
});
