// Requests that a client process signs by one-time keys, by the library.

import type { Bytes } from "../../src/actor.ts";
import { generateKeyPair } from "../../src/crypto/keys.ts";
import { isOneTime } from "../../src/crypto/merkle.ts";
import { openNativeStage } from "../../src/crypto/native.ts";
import { CLIENTS_READY_MAX } from "../../src/crypto/one-time-keys.ts";
import type { BlockStage } from "../../src/crypto/stage.ts";
import { signedOf } from "../../src/protocol/kit/request-auth.ts";
import type { Request } from "../../src/protocol/kit/request.ts";
import { domain, keysOf, until } from "./signatures.ts";

/** What a process told of a batch of its keys. */
export interface Told {
  readonly batch: Bytes;
  readonly signature: Bytes;
}

/** A process of clients that learnt that replicas sign by one-time keys. */
export class OneTimeProcess {
  readonly key: Bytes;
  readonly stage: BlockStage;
  readonly told: Told[] = [];

  constructor(workers = 0) {
    const { publicKey, secretKey } = generateKeyPair();
    this.key = publicKey;
    const keys = { ...keysOf(null), secretKey };
    this.stage = openNativeStage({
      ...{ ...keys, kind: "batch", domain, workers, firstNumber: 1000 },
      requests: { key: publicKey },
    });
    this.stage.announcing((batch, signature) =>
      this.told.push({ batch: batch.slice(), signature: signature.slice() }),
    );
  }

  /** Learns of replicas how they sign, and makes all keys that it keeps ready. */
  async settle(): Promise<this> {
    this.stage.settle("hybrid");
    await until(this.stage, () => this.told.length >= CLIENTS_READY_MAX);
    return this;
  }

  /** An operation, unsigned. */
  asks(session: number, number = 1, op: Bytes = new Uint8Array(0)): Request {
    return { session, tag: session, number, op, key: this.key };
  }

  /** The requests with their signatures, which waited together. */
  async sign(requests: readonly Request[]): Promise<readonly Request[]> {
    const signed: Request[] = [];
    let count = 0;
    for (const [i, request] of requests.entries()) {
      this.stage.sign(signedOf(request), null, (block) => {
        signed[i] = { ...request, seal: block.slice() };
        count++;
      });
    }
    await until(this.stage, () => count === requests.length);
    return signed;
  }
}

/** A replica's stage where clients sign, and replicas by one-time keys. */
export function replicaStage(self = 1, workers = 0): BlockStage {
  const keys = keysOf(self);
  return openNativeStage({ ...keys, kind: "hybrid", domain, workers, requests: { key: null } });
}

/** Which of the requests have one-time signatures. */
export function onceOf(requests: readonly Request[]): readonly boolean[] {
  return requests.map(({ seal }) => isOneTime(seal ?? new Uint8Array(0)));
}
