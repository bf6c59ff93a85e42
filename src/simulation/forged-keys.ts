// What the adversary makes where replicas sign with one-time keys: signatures by keys that their
// signer never made, and announcements of the batch that such a key would be of.

import type { Bytes, Signer } from "../actor.ts";
import type { Random } from "../base/seeded-random.ts";
import { hashLeaf, NO_DOMAIN } from "../base/hash-tree.ts";
import { signedIn } from "../crypto/domain.ts";
import { HASH_SIZE, SIGNATURE_SIZE } from "../crypto/merkle.ts";
import { BATCH_ROOT_SIZE, batchBytes } from "../crypto/one-time.ts";
import { bytesOf } from "../wire.ts";
import { ANNOUNCEMENT, ONE_TIME_BLOCK, ONE_TIME_TAG } from "../base/one-time-form.ts";
import { junkRoot, SALT_AT, SIGNATURE_AT } from "./one-time-blocks.ts";
import type { SimulatedKeys } from "./simulated-keys.ts";

/** Higher than the numbers of batches that are made, so that nobody thinks it is an old one. */
const NUMBER = 2 ** 40;

/** A signature that no key made, and what would make others believe it. */
export interface ForgedKey {
  readonly block: Bytes;
  /** The announcement of its batch, with what its block has for the signature of the root. */
  readonly announcement: Bytes;
}

type Keys = Pick<SimulatedKeys, "batchDigest" | "domain" | "sign" | "signAsClient">;

export class ForgedKeys {
  readonly #keys: Keys;
  #number = NUMBER;

  constructor(keys: Keys) {
    this.#keys = keys;
  }

  /** For what is signed in a run. The root is signed by one of its replicas, or by nobody. */
  make(random: Random, signed: Bytes, run: Bytes | null, by: Signer | null): ForgedKey {
    const { block, batch, signature } = this.#begin(
      ...([random, signed, signedIn(signed, this.#keys.domain, run)] as const),
    );
    if (by !== null) this.#keys.sign(by, this.#keys.batchDigest(batch), signature);
    return finished(block, batch, signature, null);
  }

  /** For a request of the client with that key. The root is signed by another one, or by nobody. */
  ofClient(random: Random, signed: Bytes, key: Bytes, by: Bytes | null): ForgedKey {
    const { block, batch, signature } = this.#begin(random, signed, NO_DOMAIN);
    if (by !== null) this.#keys.signAsClient(by, this.#keys.batchDigest(batch), signature);
    return finished(block, batch, signature, key);
  }

  #begin(random: Random, signed: Bytes, domain: Bytes) {
    const number = this.#number++;
    const block = new Uint8Array(ONE_TIME_BLOCK);
    block[0] = ONE_TIME_TAG;
    block.set(batchBytes(number, new Uint8Array(0)), 1);
    for (let at = SALT_AT; at < SALT_AT + BATCH_ROOT_SIZE; at++) block[at] = random.int(256);
    const leaf = new Uint8Array(HASH_SIZE);
    hashLeaf(signed, domain, leaf);
    const batch = batchBytes(number, junkRoot(block, leaf).subarray(0, BATCH_ROOT_SIZE));
    const signature = new Uint8Array(SIGNATURE_SIZE).fill(random.int(256));
    return { block, batch, signature };
  }
}

/** With the root's signature, and the key of the client that it is said to be of. */
function finished(block: Bytes, batch: Bytes, signature: Bytes, key: Bytes | null): ForgedKey {
  block.set(signature, SIGNATURE_AT);
  const announcement = bytesOf((out) => {
    out.u8(ANNOUNCEMENT);
    out.bytes(batch);
    out.bytes(signature);
    if (key !== null) out.bytes(key);
  });
  return { block, announcement };
}
