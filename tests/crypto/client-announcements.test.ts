// Shows which batches of clients' one-time keys a replica keeps, whatever strangers announce, and
// that they cost it a check ahead of use, or one when they come, and never a refusal (F6, G5).

import { beforeAll, describe, expect, test } from "bun:test";
import type { Bytes, Proof } from "../../src/actor.ts";
import { DOUBTED } from "../../src/crypto/announcements.ts";
import {
  ANNOUNCED_KEYS_MAX,
  ANNOUNCED_MAX,
  ClientAnnouncements,
  CLIENTS_WAITING_MAX,
  type ClientAnnouncement,
} from "../../src/crypto/client-announcements.ts";
import { SIGNATURE_SIZE } from "../../src/crypto/merkle.ts";
import { batchBytes } from "../../src/crypto/one-time.ts";
import { CLIENTS_READY_MAX } from "../../src/crypto/one-time-keys.ts";
import { ALL_CLIENT_ROOTS_MAX, ClientRoots } from "../../src/crypto/roots.ts";
import { ONE_TIME_KEYS } from "../../src/base/one-time-form.ts";
import { requestProofs } from "../../src/protocol/kit/request-auth.ts";
import { onceOf, OneTimeProcess, replicaStage } from "../support/one-time-requests.ts";
import { describeUnless } from "../support/optional.ts";
import { check, nativeMissing, until } from "../support/signatures.ts";

const keyOf = (i: number): Bytes => {
  const key = new Uint8Array(33).fill(2);
  new DataView(key.buffer).setUint32(1, i);
  return key;
};
const digestOf = (key: number, number: number): Bytes => {
  const digest = new Uint8Array(32);
  new DataView(digest.buffer).setUint32(0, key);
  new DataView(digest.buffer).setUint32(4, number);
  return digest;
};
const announced = (source: number, key: number, number: number): ClientAnnouncement => ({
  source,
  key: keyOf(key),
  batch: batchBytes(number, new Uint8Array(16)),
  signature: new Uint8Array(SIGNATURE_SIZE).fill(number),
});

/** One that was checked, and holds. */
function hold(of: ClientAnnouncements, source: number, key: number, number: number): void {
  of.end(announced(source, key, number), digestOf(key, number), true);
}

function takes(of: ClientAnnouncements, key: number, number: number): boolean {
  const signature = new Uint8Array(SIGNATURE_SIZE).fill(number);
  return of.take(keyOf(key), digestOf(key, number), signature);
}

describe("announcements of clients that wait", () => {
  test("G5 are two of a key, the latest, and each once; hosts take turns", () => {
    const waiting = new ClientAnnouncements();
    for (const number of [1, 2, 2, 3]) waiting.add(announced(7, 1, number));
    waiting.add(announced(8, 2, 9));
    expect(waiting.size).toBe(3);
    const order = Array.from({ length: 4 }, () => waiting.shift());
    expect(order.map((one) => one?.batch[7])).toEqual([2, 9, 3, undefined]);
    expect(waiting.size).toBe(0);
  });

  test("G5 a host that announces without end takes its own places alone", () => {
    const waiting = new ClientAnnouncements();
    const honest = announced(1, 0, 5);
    waiting.add(honest);
    for (let i = 1; i <= 10 * CLIENTS_WAITING_MAX; i++) waiting.add(announced(2, i, i));
    expect(waiting.size).toBe(CLIENTS_WAITING_MAX);
    expect([waiting.shift(), waiting.shift()]).toContain(honest);
  });

  test("G5 one that does not hold costs its host the next ones, and no other", () => {
    const waiting = new ClientAnnouncements();
    waiting.add(announced(1, 1, 1));
    waiting.end(waiting.shift()!, digestOf(1, 1), false);
    for (let i = 0; i < DOUBTED; i++) expect(waiting.add(announced(1, 1, 2 + i))).toBe(false);
    expect([waiting.add(announced(1, 1, 2)), waiting.add(announced(2, 1, 2))]).toEqual([
      true,
      true,
    ]);
    expect(takes(waiting, 1, 1)).toBe(false);
  });
});

describe("roots that clients announced", () => {
  test("F6 are two of a key, those of the highest numbers, until a request comes", () => {
    const held = new ClientAnnouncements();
    for (const number of [3, 4, 5, 4, 1]) hold(held, 1, 1, number);
    expect([1, 3, 4, 5].map((number) => takes(held, 1, number))).toEqual([
      ...[false, false, true, true],
    ]);
    expect([takes(held, 1, 5), held.keys]).toEqual([false, 0]);
  });

  test("F6 are known with the very bytes of their signature, and of their key", () => {
    const held = new ClientAnnouncements();
    hold(held, 1, 1, 3);
    expect(held.take(keyOf(1), digestOf(1, 3), new Uint8Array(SIGNATURE_SIZE))).toBe(false);
    const signature = new Uint8Array(SIGNATURE_SIZE).fill(3);
    expect(held.take(keyOf(2), digestOf(1, 3), signature)).toBe(false);
    expect(held.take(keyOf(1), digestOf(1, 3), signature)).toBe(true);
  });

  test("F6 are of 64 keys: of the host with most the oldest gives way", () => {
    const held = new ClientAnnouncements();
    for (let i = 0; i < 3; i++) hold(held, 1, i, 1);
    for (let i = 0; i < 2 * ANNOUNCED_KEYS_MAX; i++) hold(held, 2, 100 + i, 1);
    expect(held.keys).toBe(ANNOUNCED_KEYS_MAX);
    expect([0, 1, 2].map((key) => takes(held, key, 1))).toEqual([true, true, true]);
    expect([takes(held, 100, 1), takes(held, 100 + 2 * ANNOUNCED_KEYS_MAX - 1, 1)]).toEqual([
      false,
      true,
    ]);
  });

  test("G5 a client keeps no more batches ready than others keep of it", () => {
    expect(CLIENTS_READY_MAX).toBe(ANNOUNCED_MAX);
  });
});

test("F6 keys none of whose signatures held push out no root of another", () => {
  const roots = new ClientRoots();
  roots.of(keyOf(0)).add(0, digestOf(0, 1), new Uint8Array(SIGNATURE_SIZE));
  for (let i = 1; i < 3 * ALL_CLIENT_ROOTS_MAX; i++) {
    expect(roots.of(keyOf(i)).has(0, digestOf(i, 1), new Uint8Array(SIGNATURE_SIZE))).toBe(false);
  }
  const known = roots.of(keyOf(0)).has(0, digestOf(0, 1), new Uint8Array(SIGNATURE_SIZE));
  expect([known, roots.size]).toEqual([true, 1]);
});

describeUnless(nativeMissing)("of the library", () => {
  let client: OneTimeProcess;
  beforeAll(async () => {
    client = await new OneTimeProcess().settle();
  });

  const proofsOf = async (session: number): Promise<readonly Proof[]> => {
    const [request] = await client.sign([client.asks(session)]);
    expect(onceOf([request!])).toEqual([true]);
    return requestProofs(request!, true);
  };

  for (const workers of [0, 2]) {
    test(`G5 a request under an announced root costs no check, ${workers} workers`, async () => {
      const replica = replicaStage(1, workers);
      for (const { batch, signature } of client.told) {
        replica.hearClient(1, client.key, batch, signature);
      }
      const heard = Math.min(client.told.length, ANNOUNCED_MAX);
      await until(replica, () => replica.oneTimeCounts.heard === heard);
      expect(replica.counts.verified).toBe(heard);
      for (let i = 0; i < 3; i++) {
        expect(replica.knows(await proofsOf(100 + i), null)).toBe(true);
      }
      expect(replica.oneTimeCounts).toMatchObject({ known: 3, cold: 0 });
      replica.close();
    });
  }

  test("G5 the first request of a batch teaches its root where no announcement came", async () => {
    const replica = replicaStage();
    for (let i = 0; i < 3; i++) expect(await check(replica, await proofsOf(10 + i))).toBe(true);
    expect(replica.oneTimeCounts).toMatchObject({ known: 2, cold: 1, heard: 0 });
    replica.close();
  });

  test("G5 what its key did not sign, or another's, teaches nothing and refuses nothing", async () => {
    const replica = replicaStage();
    const other = new OneTimeProcess();
    const { batch, signature } = client.told[0]!;
    const forged = signature.slice();
    forged[0]! ^= 1;
    replica.hearClient(1, client.key, batch, forged);
    replica.hearClient(2, other.key, batch, signature);
    // A replica's announcement is signed for another purpose.
    replica.hear(0, batch, signature);
    await until(replica, () => replica.counts.verified === 3);
    expect(replica.oneTimeCounts.heard).toBe(0);
    const proofs = await proofsOf(20);
    expect(replica.knows(proofs, null)).toBe(false);
    expect(replica.knows([{ ...proofs[0]!, key: other.key }], null)).toBe(false);
    expect(await check(replica, [{ ...proofs[0]!, key: other.key }])).toBe(false);
    expect(await check(replica, proofs)).toBe(true);
    replica.close();
    other.stage.close();
  });

  test("G5 they are checked when nothing else is to be done, behind those of replicas", async () => {
    const replica = replicaStage(1);
    const peer = replicaStage(0);
    const told: (readonly [Bytes, Bytes])[] = [];
    peer.announcing((batch, signature) => told.push([batch.slice(), signature.slice()]));
    await until(peer, () => told.length === 1);
    const [own] = client.told;
    replica.hearClient(1, client.key, own!.batch, own!.signature);
    replica.hear(0, ...told[0]!);
    // What waits to be signed comes before both.
    let signed = 0;
    replica.sign(Uint8Array.of(1, 2, 3), null, () => signed++);
    const order: string[] = [];
    for (let turns = 0; turns < 20 && order.length < 3; turns++) {
      const before = { signed, heard: replica.oneTimeCounts.heard };
      replica.runJob();
      replica.poll();
      if (signed > before.signed) order.push("signed");
      if (replica.oneTimeCounts.heard > before.heard) order.push("heard");
    }
    expect(order).toEqual(["signed", "heard", "heard"]);
    replica.close();
    peer.close();
  });

  test("G6 of few requests that wait each has a key, and no key signs twice", async () => {
    const [five, four] = [5, 4].map((n) => Array.from({ length: n }, (_, i) => client.asks(i + 1)));
    expect(onceOf(await client.sign(five!))).toEqual(new Array<boolean>(5).fill(false));
    expect(onceOf(await client.sign(four!))).toEqual(new Array<boolean>(4).fill(true));
    const used = new Set<string>();
    let signatures = 0;
    const starts = [new OneTimeProcess(2), new OneTimeProcess(2)];
    for (const start of starts) {
      await start.settle();
      while (signatures < (1 + starts.indexOf(start)) * 5 * ONE_TIME_KEYS) {
        const [request] = await start.sign([start.asks(1)]);
        if (!onceOf([request!])[0]) continue;
        signatures++;
        used.add(Buffer.from(request!.seal!.subarray(1, 26)).toString("latin1"));
      }
      start.stage.close();
    }
    expect(used.size).toBe(signatures);
  });

  test("G6 a client signs otherwise until it learns that replicas sign so", async () => {
    const process = new OneTimeProcess();
    expect(onceOf(await process.sign([process.asks(1)]))).toEqual([false]);
    process.stage.settle("batch");
    expect(onceOf(await process.sign([process.asks(1)]))).toEqual([false]);
    await process.settle();
    expect(onceOf(await process.sign([process.asks(1)]))).toEqual([true]);
    expect(process.told).toHaveLength(CLIENTS_READY_MAX);
    process.stage.close();
  });
});
