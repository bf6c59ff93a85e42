// Shows whom a Node tells of batches of one-time keys, and whose it hears.

import { beforeEach, expect, test } from "bun:test";
import type { Address, Bytes } from "../src/actor.ts";
import { Node } from "../src/node.ts";
import { ANNOUNCEMENT, ANNOUNCEMENT_SIZE, ONE_TIME_BLOCK } from "../src/base/one-time-form.ts";
import {
  codec,
  FakeClock,
  FakeStage,
  FakeTransport,
  RecordingActor,
  signed,
  type Message,
} from "./support/fakes.ts";

const batch = new Uint8Array(24).fill(5);
const signature = new Uint8Array(64).fill(6);
const ANNOUNCED = Uint8Array.of(ANNOUNCEMENT, ...batch, ...signature);

/** Announces and hears when the test says so; its blocks are as long as it says. */
class AnnouncingStage extends FakeStage {
  hears = true;
  readonly heard: (readonly [number, Bytes, Bytes])[] = [];
  readonly heardOfClients: (readonly [number, Bytes, Bytes, Bytes])[] = [];
  clientKey: Bytes | null = null;
  announce: ((batch: Bytes, signature: Bytes) => void) | null = null;
  readonly waiting: (() => void)[] = [];
  blockSize = ONE_TIME_BLOCK;

  announcing(send: (batch: Bytes, signature: Bytes) => void): void {
    this.announce = send;
  }
  hearClient(source: number, key: Bytes, announced: Bytes, by: Bytes): boolean {
    this.heardOfClients.push([source, key, announced, by]);
    return true;
  }
  hear(signer: number, announced: Bytes, by: Bytes): boolean {
    this.heard.push([signer, announced, by]);
    return true;
  }
  override sign(_signed: Bytes, _run: Bytes | null, done: (block: Bytes) => void): void {
    this.waiting.push(() => done(new Uint8Array(this.blockSize)));
  }
  finishSigning(): void {
    for (const next of this.waiting.splice(0)) next();
  }
}

let transport: FakeTransport;
let stage: AnnouncingStage;
let actor: RecordingActor;
let node: Node<Message, string>;

function build(self: number | null, key: Bytes | null = null, requestsSigned = false): void {
  transport = new FakeTransport();
  stage = new AnnouncingStage();
  stage.clientKey = key;
  actor = new RecordingActor();
  const clock = new FakeClock();
  const random = (): number => 0;
  node = new Node({ id: 0, self, n: 4, codec, transport, stage, clock, random, requestsSigned });
  node.start(actor);
}

beforeEach(() => build(1));

function announce(): (Address | readonly Address[])[] {
  const before = transport.left.length;
  stage.announce!(batch, signature);
  for (const packet of transport.packets.slice(before)) expect(packet).toEqual(ANNOUNCED);
  return transport.left.slice(before).map(({ to }) => to);
}

test("G5 all replicas are told, and clients that got one-time signatures since", () => {
  expect(announce()).toEqual([[0, 2, 3]]);
  for (const client of [7, 9, 7]) node.send(client, signed("reply"));
  node.send(2, signed("vote"));
  stage.finishSigning();
  expect(announce()).toEqual([
    [0, 2, 3],
    [7, 9],
  ]);
  expect(announce()).toEqual([[0, 2, 3]]);
  stage.blockSize = 69;
  node.send(8, signed("reply"));
  stage.finishSigning();
  expect(announce()).toEqual([[0, 2, 3]]);
});

test("G5 of clients 64 are told, however many got one", () => {
  for (let i = 0; i < 100; i++) node.send(10 + i, signed("reply"));
  stage.finishSigning();
  expect(announce()).toEqual([[0, 2, 3], Array.from({ length: 64 }, (_, i) => 10 + i)]);
});

test("G5 what replicas announce is heard in their name, by replicas and clients", () => {
  for (const self of [1, null]) {
    build(self);
    transport.bytes(3, ANNOUNCED);
    expect(stage.heard).toEqual([[3, batch, signature]]);
    expect([...node.drops]).toEqual([]);
  }
});

const KEY = new Uint8Array(33).fill(2);
const ANNOUNCED_BY_CLIENT = Uint8Array.of(...ANNOUNCED, ...KEY);

test("G5 a client that signs tells all replicas, with its key", () => {
  build(null, KEY);
  stage.announce!(batch, signature);
  expect(transport.packets).toEqual([ANNOUNCED_BY_CLIENT]);
  expect(transport.left.map(({ to }) => to)).toEqual([[0, 1, 2, 3]]);
  build(null);
  expect(stage.announce).toBeNull();
});

test("G5 replicas hear clients where these sign, as of the host that it came from", () => {
  build(1, null, true);
  transport.bytes(9, ANNOUNCED_BY_CLIENT);
  expect(stage.heardOfClients).toEqual([[transport.sourceOf(9), KEY, batch, signature]]);
  transport.bytes(3, ANNOUNCED);
  expect(stage.heard).toEqual([[3, batch, signature]]);
  expect([...node.drops]).toEqual([]);
  transport.bytes(9, ANNOUNCED);
  transport.bytes(3, ANNOUNCED_BY_CLIENT);
  transport.bytes(9, Uint8Array.of(...ANNOUNCED_BY_CLIENT, 0));
  expect(stage.heardOfClients).toHaveLength(1);
  expect(Object.fromEntries(node.drops)).toEqual({ malformed: 3 });
  for (const [self, signs] of [
    [1, false],
    [null, true],
  ] as const) {
    build(self, null, signs);
    transport.bytes(9, ANNOUNCED_BY_CLIENT);
    expect(stage.heardOfClients).toEqual([]);
  }
  // Nobody is answered, whatever he announced.
  expect(transport.left).toEqual([]);
});

test("G5 strangers' announcements, and malformed ones, are dropped", () => {
  transport.bytes(4, ANNOUNCED);
  transport.bytes(3, ANNOUNCED.slice(0, -1));
  transport.bytes(3, Uint8Array.of(...ANNOUNCED, 0));
  transport.bytes(3, Uint8Array.of(ANNOUNCEMENT));
  expect(ANNOUNCED.length).toBe(ANNOUNCEMENT_SIZE);
  expect(stage.heard).toEqual([]);
  expect(Object.fromEntries(node.drops)).toEqual({ malformed: 4 });
});

test("G5 a stage that has no use for announcements is not asked", () => {
  stage.hears = false;
  transport.bytes(3, ANNOUNCED);
  expect(stage.heard).toEqual([]);
  expect(Object.fromEntries(node.drops)).toEqual({ malformed: 1 });
});
