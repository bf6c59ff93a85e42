// Signatures by libsecp256k1 on threads of its own, and Merkle trees in C, both over memory that C
// owns: an FFI call costs nanoseconds, a copy into mapped memory less than an allocation.

import type { TreeLeaves } from "../base/hash-tree.ts";
import { toArrayBuffer, type Pointer } from "bun:ffi";
import type { Bytes, Signer } from "../actor.ts";
import { assert } from "../base/assert.ts";
import {
  ANY_CPU,
  HASHER,
  JOB,
  JOB_MAKE_KEYS,
  JOB_SIGN,
  JOB_VERIFY,
  JOBS,
  KEYS_MAX,
  loadNative,
  opened,
  RINGS,
  TREE,
  type NativeLibrary,
} from "../ffi/native.ts";
import { Queue } from "../base/queue.ts";
import { describeErrno } from "../base/errno.ts";
import { UsageError } from "../base/errors.ts";
import { bufferOf } from "../base/copies.ts";
import { BLOCK_MAX, BLOCK_MIN, MESSAGE_MAX } from "../wire.ts";
import { ONE_TIME_BLOCK } from "../base/one-time-form.ts";
import { HASH_SIZE, LEAVES_MAX, SIGNATURE_SIZE, type BlockHasher, type Tree } from "./merkle.ts";
import { ClientKeys } from "./client-keys.ts";
import type { SignatureKind } from "../protocol-config.ts";
import type { StageKeys } from "./keys.ts";
import { NativeOneTime } from "./native-one-time.ts";
import { BATCH_SIZE } from "./one-time.ts";
import { BlockStage, type BlockStageOptions, type RootSigner } from "./stage.ts";

/** The hasher of csrc/merkle.c. */
export class NativeHasher implements BlockHasher {
  readonly #library: NativeLibrary;
  readonly #hasher: Pointer;
  readonly #region: Bytes;
  readonly #digest: Bytes;
  /** What stands before the message in the region. */
  #domain: Bytes | null = null;

  /** Throws UsageError without the library or memory. */
  constructor(library = loadNative()) {
    this.#library = library;
    this.#hasher = opened(library.oskr_hasher_open(), library, "memory for hashing");
    this.#region = new Uint8Array(toArrayBuffer(this.#hasher, 0, HASHER.size));
    this.#digest = this.#region.subarray(HASHER.digest, HASHER.digest + HASH_SIZE);
  }

  single(signed: Bytes, domain: Bytes): Bytes {
    this.#place(signed, domain);
    const result = this.#library.oskr_hasher_single(this.#hasher, signed.length);
    assert(result === 0, "a message that is too long");
    return this.#digest;
  }

  climb(signed: Bytes, block: Bytes, domain: Bytes): Bytes | null {
    if (block.length > BLOCK_MAX || signed.length > MESSAGE_MAX) return null;
    this.#place(signed, domain);
    this.#region.set(block, HASHER.block);
    const result = this.#library.oskr_hasher_climb(this.#hasher, signed.length, block.length);
    return result === 0 ? this.#digest : null;
  }

  climbAll({ bytes, indices, depth, siblings }: TreeLeaves, domain: Bytes): Bytes | null {
    const count = indices.length;
    const placesAt = HASHER.body + bytes.length;
    const siblingsAt = placesAt + 2 * count;
    if (siblingsAt + siblings.length > this.#region.length) return null;
    this.#place(bytes, domain);
    for (let i = 0; i < count; i++) {
      const index = indices[i] ?? 0;
      this.#region[placesAt + 2 * i] = index >> 8;
      this.#region[placesAt + 2 * i + 1] = index;
    }
    this.#region.set(siblings, siblingsAt);
    const result = this.#library.oskr_hasher_climb_all(
      this.#hasher,
      count,
      bytes.length / count,
      depth,
      siblings.length / HASH_SIZE,
    );
    return result === 0 ? this.#digest : null;
  }

  tree(): Tree {
    return new NativeTree(this.#library, this);
  }

  close(): void {
    this.#library.oskr_hasher_close(this.#hasher);
  }

  /** As of OneTimeScheme, for the signer of that name in hashes. */
  climbOneTime(who: Bytes, signed: Bytes, block: Bytes, domain: Bytes): Bytes | null {
    if (block.length !== ONE_TIME_BLOCK || signed.length > MESSAGE_MAX) return null;
    this.#place(signed, domain);
    this.#region.set(who, HASHER.who);
    this.#region.set(block, HASHER.oneTime);
    const result = this.#library.oskr_hasher_climb_onetime(this.#hasher, signed.length);
    return result === 0 ? this.#digest : null;
  }

  /** What is signed for a batch (number | root) of one-time keys. */
  batchDigest(batch: Bytes): Bytes {
    assert(batch.length === BATCH_SIZE, "a number and a root");
    this.#region.set(batch, HASHER.oneTime + 1);
    this.#library.oskr_hasher_onetime_root(this.#hasher);
    return this.#digest;
  }

  /** The domain in which batches are signed: the same from here on. */
  set cluster(domain: Bytes) {
    this.#region.set(domain, HASHER.cluster);
  }

  /** Makes `signed` leaf `index` of the tree. */
  leaf(tree: Pointer, index: number, signed: Bytes, domain: Bytes): void {
    this.#place(signed, domain);
    const result = this.#library.oskr_tree_leaf(tree, index, this.#hasher, signed.length);
    assert(result === 0, "a leaf out of range");
  }

  /** Writes what a leaf hashes; most messages are of the domain of the one before. */
  #place(signed: Bytes, domain: Bytes): void {
    if (domain !== this.#domain) {
      assert(domain.length === HASH_SIZE, "a domain has 32 bytes");
      this.#region.set(domain, HASHER.domain);
      this.#domain = domain;
    }
    this.#region.set(signed, HASHER.body);
  }
}

class NativeTree implements Tree {
  count = 0;
  readonly #library: NativeLibrary;
  readonly #hasher: NativeHasher;
  readonly #tree: Pointer;
  readonly #region: Bytes;
  readonly #blocks: Buffer;
  readonly #digest: Bytes;
  /** Of the leaf that was asked for last: one for each costs an allocation a message. */
  #block = new Uint8Array(0);

  constructor(library: NativeLibrary, hasher: NativeHasher) {
    this.#library = library;
    this.#hasher = hasher;
    this.#tree = opened(library.oskr_tree_open(), library, "memory for a tree");
    this.#region = new Uint8Array(toArrayBuffer(this.#tree, 0, TREE.size));
    this.#blocks = bufferOf(this.#region);
    this.#digest = this.#region.subarray(TREE.digest, TREE.digest + HASH_SIZE);
  }

  add(signed: Bytes, domain: Bytes): void {
    assert(this.count < LEAVES_MAX, "the tree is full");
    this.#hasher.leaf(this.#tree, this.count, signed, domain);
    this.count++;
  }

  leaf(index: number): Bytes {
    assert(index < this.count, "no such leaf");
    const at = TREE.nodes + HASH_SIZE * index;
    return this.#region.subarray(at, at + HASH_SIZE);
  }

  digest(): Bytes {
    const depth = this.#library.oskr_tree_build(this.#tree, this.count);
    assert(depth >= 0, "a tree has leaves");
    const blockSize = BLOCK_MIN + HASH_SIZE * depth;
    if (blockSize !== this.#block.length) this.#block = new Uint8Array(blockSize);
    return this.#digest;
  }

  seal(signature: Bytes): void {
    this.#region.set(signature, TREE.signature);
    const result = this.#library.oskr_tree_blocks(this.#tree, this.count);
    assert(result === 0, "a tree has leaves");
  }

  block(index: number): Bytes {
    assert(index < this.count, "no such leaf");
    const { length } = this.#block;
    const at = TREE.blocks + length * index;
    this.#blocks.copy(this.#block, 0, at, at + length);
    return this.#block;
  }

  reset(): void {
    this.count = 0;
  }

  close(): void {
    this.#library.oskr_tree_close(this.#tree);
  }
}

/** A job for which there was no room in the ring. */
interface Overflow {
  readonly kind: number;
  readonly key: number | Bytes;
  readonly digest: Bytes;
  readonly signature: Bytes | null;
  readonly done: Done;
}

type Done =
  | { readonly kind: "sign"; readonly call: (signature: Bytes) => void }
  | { readonly kind: "verify"; readonly call: (valid: boolean) => void }
  | { readonly kind: "keys"; readonly call: () => void };

/**
 * Jobs that a thread without others runs in one go, so that it sends what they let go together: a
 * peer that is woken for each message does little else.
 */
const JOBS_MAX = 4;

/** The job that never enters the ring. */
const NOW = JOBS - 1;

/** The threads and rings of csrc/signer.c. */
export class NativeSigner implements RootSigner {
  readonly #library: NativeLibrary;
  readonly #signer: Pointer;
  readonly #region: Bytes;
  readonly #words: Int32Array;
  readonly #free: number[] = Array.from({ length: NOW }, (_, i) => i);
  readonly #done: (Done | null)[] = Array.from({ length: JOBS }, () => null);
  readonly #overflow = new Queue<Overflow>();
  readonly verifyNow: RootSigner["verifyNow"];
  readonly hasThreads: boolean;
  readonly #jobsMax: number;
  /** Null until a client's key is asked for. */
  #clients: ClientKeys | null = null;
  /** The next entry of the completion ring. */
  #next = 0;

  /**
   * Keys as in StageKeys. Starts `workers` threads, thread i on processor cpus[i mod length]; with
   * no processors given they run anywhere. Throws UsageError without the library or a processor, or
   * on a key that is none.
   */
  constructor(
    secretKey: Bytes | null,
    publicKeys: readonly Bytes[],
    workers: number,
    cpus: readonly number[] = [],
    library = loadNative(),
  ) {
    assert(publicKeys.length <= KEYS_MAX, "more keys than the library holds");
    this.#library = library;
    this.hasThreads = workers > 0;
    this.#jobsMax = workers > 0 ? 1 : JOBS_MAX;
    this.verifyNow = workers > 0 ? null : (key, digest, block) => this.#now(key, digest, block);
    this.#signer = opened(library.oskr_signer_open(), library, "memory for signatures");
    const rings = opened(library.oskr_signer_rings(this.#signer), library, "rings");
    const buffer = toArrayBuffer(rings, 0, RINGS.size);
    this.#region = new Uint8Array(buffer);
    this.#words = new Int32Array(buffer);
    try {
      this.#register(secretKey, publicKeys);
      for (let i = 0; i < workers; i++) {
        const cpu = cpus.length === 0 ? ANY_CPU : (cpus[i % cpus.length] ?? ANY_CPU);
        const result = library.oskr_signer_thread(this.#signer, cpu);
        if (result < 0) {
          const where = cpu === ANY_CPU ? "" : ` on processor ${cpu}`;
          throw new UsageError(
            `cannot start signature thread ${i}${where}: ${describeErrno(result)}`,
          );
        }
      }
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Has the threads ring this doorbell when a job is done. */
  ring(doorbell: Pointer): void {
    this.#library.oskr_signer_doorbell(this.#signer, doorbell);
  }

  sign(digest: Bytes, done: (signature: Bytes) => void): void {
    this.#submit(JOB_SIGN, 0, digest, null, { kind: "sign", call: done });
  }

  verify(
    by: Signer | Bytes,
    digest: Bytes,
    signature: Bytes,
    done: (valid: boolean) => void,
  ): void {
    this.#submit(JOB_VERIFY, by, digest, signature, { kind: "verify", call: done });
  }

  /** Has jobs make one-time keys there. */
  useKeys(keys: Pointer): void {
    this.#library.oskr_signer_onetime(this.#signer, keys);
  }

  /**
   * Has a thread make keys of a batch; false: the ring is full, and signatures come before keys.
   */
  makeKeys(place: number, first: number, count: number, done: () => void): boolean {
    const job = this.#free.pop();
    if (job === undefined) return false;
    const at = RINGS.jobs + JOB.size * job;
    this.#words[(at + JOB.kind) / 4] = JOB_MAKE_KEYS;
    this.#words[(at + JOB.key) / 4] = place;
    this.#words[(at + JOB.keys) / 4] = first | (count << 16);
    this.#done[job] = { kind: "keys", call: done };
    const result = this.#library.oskr_signer_submit(this.#signer, job);
    assert(result === 0, "a free job has room in the ring");
    return true;
  }

  /** Checks without queueing, so that later messages under this root find it known. */
  #now(by: Signer | Bytes, digest: Bytes, signature: Bytes): boolean {
    this.#fill(NOW, JOB_VERIFY, this.#slotOf(by), digest, signature);
    return this.#library.oskr_signer_verify(this.#signer, NOW) === 1;
  }

  runJob(): boolean {
    let ran = 0;
    while (ran < this.#jobsMax && this.#library.oskr_signer_help(this.#signer) === 1) ran++;
    return ran > 0;
  }

  poll(): number {
    let count = 0;
    for (; count < JOBS; count++) {
      const at = RINGS.completed / 4 + (this.#next & (JOBS - 1));
      const entry = Atomics.load(this.#words, at);
      if (entry === 0) break;
      Atomics.store(this.#words, at, 0);
      this.#next++;
      this.#finish(entry - 1);
    }
    return count;
  }

  close(): void {
    this.#library.oskr_signer_close(this.#signer);
  }

  #register(secretKey: Bytes | null, publicKeys: readonly Bytes[]): void {
    for (const [slot, key] of publicKeys.entries()) {
      this.#region.set(key, RINGS.key);
      const result = this.#library.oskr_signer_public(this.#signer, slot);
      if (result < 0) throw new UsageError(`the public key of replica ${slot} is not on secp256k1`);
    }
    if (secretKey === null) return;
    this.#region.set(secretKey, RINGS.key);
    const result = this.#library.oskr_signer_secret(this.#signer, 0);
    if (result < 0) throw new UsageError("the secret key is none of secp256k1");
  }

  #submit(
    kind: number,
    key: number | Bytes,
    digest: Bytes,
    signature: Bytes | null,
    done: Done,
  ): void {
    const job = this.#free.pop();
    if (job === undefined) {
      const copies = { digest: digest.slice(), signature: signature?.slice() ?? null };
      this.#overflow.push({ kind, key, ...copies, done });
      return;
    }
    const slot = this.#slotOf(key);
    this.#fill(job, kind, slot, digest, signature);
    this.#clients?.begin(slot);
    this.#done[job] = done;
    const result = this.#library.oskr_signer_submit(this.#signer, job);
    assert(result === 0, "a free job has room in the ring");
  }

  /** The slot of a replica's key, or of a client's, which is parsed if it has none. */
  #slotOf(key: number | Bytes): number {
    if (typeof key === "number") return key;
    this.#clients ??= new ClientKeys((slot, bytes) => {
      this.#region.set(bytes, RINGS.key);
      return this.#library.oskr_signer_public(this.#signer, slot) === 0;
    });
    return this.#clients.slotOf(key);
  }

  #fill(job: number, kind: number, key: number, digest: Bytes, signature: Bytes | null): void {
    const at = RINGS.jobs + JOB.size * job;
    this.#words[(at + JOB.kind) / 4] = kind;
    this.#words[(at + JOB.key) / 4] = key;
    this.#region.set(digest, at + JOB.digest);
    if (signature !== null) this.#region.set(signature, at + JOB.signature);
  }

  #finish(job: number): void {
    const done = this.#done[job] ?? null;
    assert(done !== null, "a job completed that nobody submitted");
    this.#done[job] = null;
    const at = RINGS.jobs + JOB.size * job;
    const status = Atomics.load(this.#words, (at + JOB.status) / 4);
    if (done.kind === "keys") {
      assert(status === 0, "keys could not be made");
      this.#release(job);
      done.call();
      return;
    }
    this.#clients?.end(this.#words[(at + JOB.key) / 4] ?? 0);
    if (done.kind === "verify") {
      this.#release(job);
      done.call(status === 1);
      return;
    }
    assert(status === 0, "a signature could not be made");
    const signature = at + JOB.signature;
    const copy = this.#region.slice(signature, signature + SIGNATURE_SIZE);
    this.#release(job);
    done.call(copy);
  }

  /** Makes room for another job, and gives it to the oldest that found none. */
  #release(job: number): void {
    this.#free.push(job);
    const waiting = this.#overflow.shift();
    if (waiting === undefined) return;
    const { kind, key, digest, signature, done } = waiting;
    this.#submit(kind, key, digest, signature, done);
  }
}

export interface NativeStageOptions extends StageKeys, Pick<BlockStageOptions, "requests"> {
  readonly kind: SignatureKind;
  readonly domain: Bytes;
  /** Of the first batch of one-time keys: higher than any of an earlier start. */
  readonly firstNumber?: number;
  /** Signature threads; with 0 the polling thread does all. */
  readonly workers: number;
  /** Processors to pin them to, in turn; none: they run anywhere. */
  readonly cpus?: readonly number[];
  /** Rung by the threads when a signature is done; `process/doorbell.ts` opens it. */
  readonly doorbell?: Pointer;
}

/** Throws UsageError without the library, a processor, memory, or on a key that is none. */
export function openNativeStage(options: NativeStageOptions): BlockStage {
  const { kind, domain, self, secretKey, publicKeys, workers, cpus, doorbell } = options;
  const signer = new NativeSigner(secretKey, publicKeys, workers, cpus);
  if (doorbell !== undefined) signer.ring(doorbell);
  const hasher = new NativeHasher();
  hasher.cluster = domain;
  // Clients learn of replicas whether these sign so.
  const replicas = kind === "hybrid" && self !== null ? publicKeys[self] : undefined;
  const key = options.requests?.key ?? replicas;
  const owner = key === undefined ? null : { key, threads: signer };
  const scheme = new NativeOneTime(loadNative(), hasher, publicKeys, owner);
  const asked = options.requests === undefined ? {} : { requests: options.requests };
  return new BlockStage({
    ...{ kind, self, n: publicKeys.length, domain, hasher, signer, ...asked },
    oneTime: { scheme, firstNumber: options.firstNumber ?? Date.now() },
  });
}
