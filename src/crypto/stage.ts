// A Stage made of two exchangeable parts: a BlockHasher, and a RootSigner that makes and checks
// plain signatures of digests. Free of I/O, time and FFI, so that the simulator runs this very
// class: it gives a ReferenceHasher and a RootSigner that takes random virtual time over a keyed
// hash. The run loop calls poll() once a turn, which closes a batch.

import type { Bytes, Proof, Signer } from "../actor.ts";
import { assert } from "../base/assert.ts";
import { NO_DOMAIN } from "../base/hash-tree.ts";
import type { OneTimeCounts, Stage } from "../driver.ts";
import { clientDigest, clientDomainOf, runDomainOf, signedIn } from "./domain.ts";
import { Queue } from "../base/queue.ts";
import type { SignatureKind } from "../protocol-config.ts";
import { EMPTY, equal, MESSAGE_MAX } from "../wire.ts";
import {
  isOneTime,
  LEAVES_MAX,
  SIGNATURE_SIZE,
  singleBlock,
  signatureIn,
  type BlockHasher,
  type Tree,
} from "./merkle.ts";
import { Hearing, type Owner } from "./hearing.ts";
import { CLIENTS_READY_MAX, OneTimeKeys, READY_MAX } from "./one-time-keys.ts";
import type { OneTimeScheme } from "./one-time.ts";
import { ClientRoots, Roots } from "./roots.ts";

/** Signs as one signer and checks the signatures of all, digests of 32 bytes, signatures of 64. */
export interface RootSigner {
  /**
   * `done` comes after `sign` has returned; the signature is valid during that call only. Copies
   * the digest.
   */
  sign(digest: Bytes, done: (signature: Bytes) => void): void;
  /**
   * `done` comes after `verify` has returned. Copies digest and signature; the signer is one of the
   * configured, or a client's key, which may be none.
   */
  verify(by: Signer | Bytes, digest: Bytes, signature: Bytes, done: (valid: boolean) => void): void;
  /**
   * Checks on this thread and at once. Not null where `runJob` alone runs jobs: then nothing is
   * gained by queueing checks, nor by signing before this thread has nothing else to do.
   */
  readonly verifyNow: ((by: Signer | Bytes, digest: Bytes, signature: Bytes) => boolean) | null;
  /** Runs a queued job or a few on this thread; false when there is none. */
  runJob(): boolean;
  /** Calls `done` for what is finished; returns how much. */
  poll(): number;
  close(): void;
}

export interface BlockStageOptions {
  readonly kind: SignatureKind;
  /** Whose key the signer holds; null if it only checks. */
  readonly self: Signer | null;
  /** Signers are 0..n-1. */
  readonly n: number;
  /** Of the cluster, 32 bytes. */
  readonly domain: Bytes;
  readonly hasher: BlockHasher;
  readonly signer: RootSigner;
  /** Where clients sign requests: the key of this process if it has clients; absent elsewhere. */
  readonly requests?: { readonly key: Bytes | null };
  /** Absent: one-time signatures are none here. */
  readonly oneTime?: OneTimeOptions | null;
}

export interface OneTimeOptions {
  readonly scheme: OneTimeScheme;
  /** Of the first batch of keys: higher than any of an earlier start. */
  readonly firstNumber: number;
}

/** Messages that will share one root signature, and the callback of each. */
interface Batch {
  readonly tree: Tree;
  readonly done: ((block: Bytes) => void)[];
}

/**
 * A finished batch is kept for the next one, up to this many; a tree of 1,024 leaves takes half a
 * megabyte.
 */
const SPARE_MAX = 4;

/** Most messages that wait which get a one-time signature each: these are long. */
export const ONE_TIME_MAX = 4;

export class BlockStage implements Stage {
  readonly clientKey: Bytes | null;
  readonly counts = { signed: 0, roots: 0, verified: 0, cached: 0 };
  readonly #once = { signed: 0, known: 0, cold: 0, announced: 0 };
  readonly #kind: SignatureKind;
  readonly #self: Signer | null;
  readonly #n: number;
  readonly #domain: Bytes;
  /** That which was asked for last. */
  #run: { readonly name: Bytes; readonly domain: Bytes } | null = null;
  readonly #hasher: BlockHasher;
  readonly #signer: RootSigner;
  readonly #roots: Roots;
  readonly #clientRoots = new ClientRoots();
  readonly #oneTime: OneTimeOptions | null;
  /** Whether others sign so, too. */
  #takesOneTime: boolean;
  /** Null where none of its own sign. */
  #keys: OneTimeKeys | null;
  readonly #hearing: Hearing;
  #announce: ((batch: Bytes, signature: Bytes) => void) | null = null;
  /** Null where requests are not signed. */
  readonly #clientDomain: Bytes | null;
  /** Checks that were queued because they are doubted, where others are made at once. */
  #doubted = 0;
  /** Batches that wait for the signature under way; all but the last are full. */
  readonly #waiting = new Queue<Batch>();
  readonly #spare: Batch[] = [];
  #last: Batch | null = null;
  #signing: Batch | null = null;

  constructor(options: BlockStageOptions) {
    this.#kind = options.kind;
    this.#self = options.self;
    this.#n = options.n;
    this.#domain = options.domain;
    this.#hasher = options.hasher;
    this.#signer = options.signer;
    this.#roots = new Roots(options.n);
    const { requests } = options;
    this.clientKey = requests?.key ?? null;
    assert(options.self === null || this.clientKey === null, "a process has one key");
    this.#clientDomain = requests === undefined ? null : clientDomainOf(options.domain);
    this.#oneTime = options.oneTime ?? null;
    // Whoever only checks does not know yet how others sign.
    this.#takesOneTime =
      this.#oneTime !== null && (options.kind === "hybrid" || options.self === null);
    this.#keys = options.kind === "hybrid" ? this.#openKeys() : null;
    this.#hearing = new Hearing(options.n, {
      roots: this.#roots,
      digestOf: (batch) => this.#batchDigest(batch),
      check: (owner, digest, signature, end) => {
        if (this.#signer.verifyNow !== null) end(this.#checkNow(owner, digest, signature));
        else this.#check(owner, digest, signature, end);
      },
    });
  }

  #openKeys(): OneTimeKeys | null {
    const maker = this.#oneTime?.scheme.maker ?? null;
    if (this.#oneTime === null || maker === null) return null;
    return new OneTimeKeys({
      maker,
      // Of a client's batches others keep as many.
      readyMax: this.#self === null ? CLIENTS_READY_MAX : READY_MAX,
      firstNumber: this.#oneTime.firstNumber,
      signBatch: (batch, done) => this.#signBatch(batch, done),
      announce: (batch, signature) => {
        if (this.#announce === null) return;
        this.#once.announced++;
        this.#announce(batch, signature);
      },
    });
  }

  get oneTimeCounts(): OneTimeCounts {
    return { ...this.#once, heard: this.#hearing.heard };
  }

  runDomain(name: Bytes): Bytes {
    // The clients of a process enter one run each by itself: they share one domain, so that what
    // hashes sees by reference that it is the same.
    if (this.#run === null || !equal(this.#run.name, name)) {
      this.#run = { name: name.slice(), domain: runDomainOf(this.#domain, name) };
    }
    return this.#run.domain;
  }

  /** Takes one-time signatures of others from here on, and makes some of requests, or none. */
  settle(kind: SignatureKind): void {
    this.#takesOneTime = kind === "hybrid" && this.#oneTime !== null;
    if (this.#takesOneTime) this.#keys ??= this.#openKeys();
  }

  get hears(): boolean {
    return this.#takesOneTime;
  }

  announcing(send: (batch: Bytes, signature: Bytes) => void): void {
    this.#announce = send;
  }

  hear(signer: Signer, batch: Bytes, signature: Bytes): boolean {
    return this.#takesOneTime && this.#hearing.ofReplicas.add({ signer, batch, signature });
  }

  hearClient(source: number, key: Bytes, batch: Bytes, signature: Bytes): boolean {
    if (!this.#takesOneTime || this.#clientDomain === null) return false;
    return this.#hearing.ofClients.add({ source, key, batch, signature });
  }

  sign(signed: Bytes, run: Bytes | null, done: (block: Bytes) => void): void {
    assert(this.#self !== null || this.clientKey !== null, "this stage has no key to sign with");
    assert(signed.length <= MESSAGE_MAX, "more than MESSAGE_MAX bytes to sign");
    this.counts.signed++;
    const domain = this.#self === null ? NO_DOMAIN : signedIn(signed, this.#domain, run);
    if (this.#kind === "each") this.#signAlone(signed, domain, done);
    else this.#signTogether(signed, domain, done);
  }

  verify(
    proofs: readonly Proof[],
    run: Bytes | null,
    done: (valid: boolean) => void,
    doubted = false,
  ): void {
    this.#verifyFrom(0, proofs, run, done, doubted);
  }

  knows(proofs: readonly Proof[], run: Bytes | null): boolean {
    for (const proof of proofs) {
      const digest = this.#digestOf(proof, run);
      if (digest === null || !this.#isKnown(this.#ownerOf(proof), digest, proof)) return false;
    }
    for (const { signature } of proofs) this.#countKnown(signature);
    return true;
  }

  #ownerOf({ signer, key }: Proof): Owner {
    if (key === undefined) return { by: signer, signer, roots: this.#roots };
    return { by: key, signer: 0, roots: this.#clientRoots.of(key) };
  }

  /** Whether the owner's root signature in the block is known to hold for the digest. */
  #isKnown({ by, signer, roots }: Owner, digest: Bytes, { signature }: Proof): boolean {
    if (roots.has(signer, digest, signature)) return true;
    if (typeof by === "number" || !isOneTime(signature)) return false;
    if (!this.#hearing.ofClients.take(by, digest, signature)) return false;
    roots.add(signer, digest, signatureIn(signature));
    return true;
  }

  /**
   * What the root signature of a proof signs, a client's but for its domain; null if it is
   * malformed, or of nobody.
   */
  #digestOf(proof: Proof, run: Bytes | null): Bytes | null {
    const { signer, key, signed, signature } = proof;
    if (key !== undefined) return this.#requestDigest(proof);
    if (!Number.isInteger(signer) || signer < 0 || signer >= this.#n) return null;
    const domain = signedIn(signed, this.#domain, run);
    if (!isOneTime(signature)) return this.#hasher.climb(signed, signature, domain);
    return this.#climbOnce(signer, signed, signature, domain);
  }

  #climbOnce(by: Signer | Bytes, signed: Bytes, block: Bytes, domain: Bytes): Bytes | null {
    if (this.#oneTime === null || !this.#takesOneTime) return null;
    return this.#oneTime.scheme.climb(by, signed, block, domain);
  }

  #countKnown(block: Bytes): void {
    this.counts.cached++;
    if (isOneTime(block)) this.#once.known++;
  }

  #requestDigest({ key = EMPTY, leaves, signed, signature }: Proof): Bytes | null {
    if (this.#clientDomain === null) return null;
    if (isOneTime(signature)) return this.#climbOnce(key, signed, signature, NO_DOMAIN);
    if (leaves === undefined) return this.#hasher.climb(signed, signature, NO_DOMAIN);
    if (signature.length !== SIGNATURE_SIZE) return null;
    return this.#hasher.climbAll(leaves, NO_DOMAIN);
  }

  /** What a client's key signs for what its tree, or a request alone, comes to. */
  #ofClient(digest: Bytes): Bytes {
    assert(this.#clientDomain !== null, "clients sign requests alone");
    return clientDigest(this.#hasher, digest, this.#clientDomain).slice();
  }

  /** What is signed for what a tree, or a message alone, comes to. */
  #toSign(digest: Bytes): Bytes {
    return this.#self === null ? this.#ofClient(digest) : digest;
  }

  /** Checks come first: what they let through is signed together with what waits. */
  runJob(): boolean {
    if (this.#signer.runJob() || this.#startBatch() || this.#signer.runJob()) return true;
    if (this.#signer.verifyNow === null) return false;
    return this.#hearing.next() || this.#keys?.work() === true;
  }

  poll(): number {
    // No worker thread runs them, so poll does; without an end of them, it signs as well.
    const doubted = this.#doubted > 0;
    if (doubted) this.#signer.runJob();
    const count = this.#signer.poll();
    if (this.#signer.verifyNow === null || doubted) this.#startBatch();
    if (this.#signer.verifyNow === null && this.#takesOneTime) {
      this.#keys?.work();
      this.#hearing.next();
    }
    return count;
  }

  /** Frees the signer and the hasher; `done` of what is under way never comes. */
  close(): void {
    this.#signer.close();
    this.#signing?.tree.close();
    for (const { tree } of this.#spare) tree.close();
    for (let batch = this.#waiting.shift(); batch !== undefined; batch = this.#waiting.shift()) {
      batch.tree.close();
    }
    this.#oneTime?.scheme.close();
    this.#hasher.close();
  }

  /** Signs a batch of its own keys. */
  #signBatch(batch: Bytes, done: (signature: Bytes) => void): void {
    const digest = this.#toSign(this.#batchDigest(batch));
    this.#signer.sign(digest, (signature) => {
      this.#signedRoot(digest, signature);
      done(signature);
    });
  }

  /** What is signed for a batch of keys, a client's but for its domain. */
  #batchDigest(batch: Bytes): Bytes {
    assert(this.#oneTime !== null, "batches of keys are of a scheme");
    return this.#oneTime.scheme.digest(batch).slice();
  }

  #signAlone(signed: Bytes, domain: Bytes, done: (block: Bytes) => void): void {
    const digest = this.#toSign(this.#hasher.single(signed, domain).slice());
    this.#signer.sign(digest, (signature) => {
      this.#signedRoot(digest, signature);
      done(singleBlock(signature));
    });
  }

  #signedRoot(digest: Bytes, signature: Bytes): void {
    this.counts.roots++;
    if (this.#self !== null) this.knowRoot(this.#self, digest, signature);
  }

  /** From here on it needs no check that the replica, or the client with that key, signed this. */
  protected knowRoot(by: Signer | Bytes, digest: Bytes, signature: Bytes): void {
    if (typeof by === "number") this.#roots.add(by, digest, signature);
    else this.#clientRoots.of(by).add(0, digest, signature);
  }

  #signTogether(signed: Bytes, domain: Bytes, done: (block: Bytes) => void): void {
    let batch = this.#last;
    if (batch === null || batch.tree.count === LEAVES_MAX) {
      batch = this.#spare.pop() ?? { tree: this.#hasher.tree(), done: [] };
      this.#waiting.push(batch);
      this.#last = batch;
    }
    batch.tree.add(signed, domain);
    batch.done.push(done);
  }

  /**
   * Signs what has gathered, unless a signature is under way already. Called at the end of a turn,
   * not by `sign`, so that what a burst of packets causes shares one tree; where this very thread
   * makes the signature, once it has nothing else to do.
   */
  #startBatch(): boolean {
    if (this.#signing !== null) return false;
    const batch = this.#waiting.shift();
    if (batch === undefined) return false;
    if (batch === this.#last) this.#last = null;
    const { count } = batch.tree;
    if (this.#keys !== null && count <= ONE_TIME_MAX && count <= this.#keys.left) {
      this.#signOnce(batch, this.#keys);
      return true;
    }
    this.#signing = batch;
    const digest = this.#toSign(batch.tree.digest());
    this.#signer.sign(digest, (signature) => this.#finishBatch(batch, digest, signature));
    return false;
  }

  /** Signs each message of the batch with a key of its own. */
  #signOnce(batch: Batch, keys: OneTimeKeys): void {
    const { tree, done } = batch;
    for (let i = 0; i < done.length; i++) {
      this.#once.signed++;
      done[i]?.(keys.sign(tree, i));
    }
    this.#spareBatch(batch);
  }

  #spareBatch(batch: Batch): void {
    batch.done.length = 0;
    batch.tree.reset();
    if (this.#spare.length < SPARE_MAX) this.#spare.push(batch);
    else batch.tree.close();
  }

  #finishBatch(batch: Batch, digest: Bytes, signature: Bytes): void {
    const { tree, done } = batch;
    this.#signedRoot(digest, signature);
    tree.seal(signature);
    this.#signing = null;
    for (let i = 0; i < done.length; i++) done[i]?.(tree.block(i));
    this.#spareBatch(batch);
    if (this.#signer.verifyNow === null) this.#startBatch();
  }

  /** Goes through the proofs until one has to be checked in full, or all hold, or one does not. */
  #verifyFrom(
    first: number,
    proofs: readonly Proof[],
    run: Bytes | null,
    done: (valid: boolean) => void,
    doubted: boolean,
  ): void {
    const { verifyNow } = this.#signer;
    for (let i = first; i < proofs.length; i++) {
      const proof = proofs[i] ?? assert.fail("inside the list");
      const digest = this.#digestOf(proof, run);
      if (digest === null) return done(false);
      const { signature } = proof;
      const by = this.#ownerOf(proof);
      if (this.#isKnown(by, digest, proof)) {
        this.#countKnown(signature);
        continue;
      }
      if (verifyNow !== null && !doubted) {
        if (!this.#checkNow(by, digest, signature)) return done(false);
        continue;
      }
      return this.#check(by, digest, signature, (valid) => {
        if (valid) this.#verifyFrom(i + 1, proofs, run, done, doubted);
        else done(false);
      });
    }
    done(true);
  }

  #checkNow({ by, signer, roots }: Owner, digest: Bytes, block: Bytes): boolean {
    this.#countCheck(block);
    const signature = signatureIn(block);
    // What the hasher gives is overwritten when it is asked again.
    const known = typeof by === "number" ? digest : digest.slice();
    const toCheck = typeof by === "number" ? known : this.#ofClient(known);
    const valid = this.#signer.verifyNow?.(by, toCheck, signature) ?? false;
    if (valid) roots.add(signer, known, signature);
    return valid;
  }

  #countCheck(block: Bytes): void {
    this.counts.verified++;
    if (isOneTime(block)) this.#once.cold++;
  }

  /** Checks a root signature in full, or waits for a check of the same one that is under way. */
  #check(
    { by, signer, roots }: Owner,
    digest: Bytes,
    block: Bytes,
    done: (valid: boolean) => void,
  ): void {
    const underWay = roots.pending(signer, digest, block);
    if (underWay !== undefined) {
      this.#countKnown(block);
      underWay.waiting.push(done);
      return;
    }
    this.#countCheck(block);
    const root = roots.begin(signer, digest, block);
    const doubted = this.#signer.verifyNow === null ? 0 : 1;
    this.#doubted += doubted;
    const toCheck = typeof by === "number" ? digest : this.#ofClient(root.digest);
    this.#signer.verify(by, toCheck, root.signature, (valid) => {
      this.#doubted -= doubted;
      root.waiting.unshift(done);
      roots.end(signer, root, valid);
    });
  }
}
