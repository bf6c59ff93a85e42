// How fast signatures are made and checked on this machine, and what that makes each of them cost.

import type { Bytes } from "../actor.ts";
import { ReferenceHasher } from "../crypto/merkle.ts";
import { generateKeyPair } from "../crypto/keys.ts";
import { NativeHasher, NativeSigner } from "../crypto/native.ts";
import { NobleSigner } from "../crypto/noble.ts";
import { BlockStage, type RootSigner } from "../crypto/stage.ts";
import { loadNative } from "../ffi/native.ts";
import { allowedCpus } from "../process/cpus.ts";
import { EMPTY } from "../wire.ts";
import type { Costs } from "./cost-model.ts";

/** A second's worth, of each kind. */
export interface Rates {
  readonly sign: number;
  readonly verify: number;
}

/**
 * Messages of a reply's length in blocks of one tree; made and checked on one thread, roots
 * included.
 */
export interface BlockRates extends Rates {
  readonly leaves: number;
}

/** Jobs in the ring: enough that the threads work for milliseconds while this one sleeps. */
const JOBS_QUEUED = 512;
const SLEEP_US = 500;
const SIGNED_SIZE = 64;
export const LEAVES = 256;
/** Rounds of blocks before the clock starts: they run code that is not compiled yet. */
const WARM_ROUNDS = 20;

const pair = generateKeyPair();
const digest: Bytes = new Uint8Array(32).fill(7);

/** What signatures cost one core, in microseconds; see Costs of cost-model.ts. */
export function signatureCosts(
  seconds: number,
): Pick<Costs, "signUs" | "verifyUs" | "leafUs" | "climbUs"> {
  const one = threadRates(1, allowedCpus(), seconds);
  const shared = blockRates("native", seconds);
  const [signUs, verifyUs] = [1e6 / one.sign, 1e6 / one.verify];
  return {
    signUs,
    verifyUs,
    // Each tree has one root signature, which is made and checked in full once.
    leafUs: Math.max(0, 1e6 / shared.sign - signUs / LEAVES),
    climbUs: Math.max(0, 1e6 / shared.verify - verifyUs / LEAVES),
  };
}

/** Plain signatures by `workers` threads in C; this one sleeps, and keeps their queue filled. */
export function threadRates(workers: number, cpus: readonly number[], seconds: number): Rates {
  const library = loadNative();
  const signer = new NativeSigner(pair.secretKey, [pair.publicKey], workers, cpus);
  try {
    return plain(signer, seconds, () => library.oskr_sleep_us(SLEEP_US));
  } finally {
    signer.close();
  }
}

/** By a signer that this thread keeps busy. */
export function nobleRates(seconds: number): Rates {
  return plain(new NobleSigner(pair.secretKey, [pair.publicKey]), seconds);
}

/** Keeps the signer's queue filled with one kind of job, then with the other. */
function plain(signer: RootSigner, seconds: number, idle: () => void = () => {}): Rates {
  let signature: Bytes = new Uint8Array(64);
  signer.sign(digest, (made) => {
    signature = made.slice();
  });
  while (signer.poll() === 0) idle();
  return {
    sign: rate(signer, seconds, idle, (done) => signer.sign(digest, done)),
    verify: rate(signer, seconds, idle, (done) => {
      signer.verify(0, digest, signature, (valid) => {
        if (!valid) throw new Error("a signature that was just made does not hold");
        done();
      });
    }),
  };
}

/** Jobs finished a second, after a tenth of the time to warm up. */
function rate(
  signer: RootSigner,
  seconds: number,
  idle: () => void,
  submit: (done: () => void) => void,
): number {
  let finished = 0;
  let queued = 0;
  let [startMs, endMs] = [0, Number.POSITIVE_INFINITY];
  const warmMs = performance.now() + 100 * seconds;
  const done = (): void => {
    queued--;
    finished++;
  };
  for (let nowMs = performance.now(); nowMs < endMs; nowMs = performance.now()) {
    if (startMs === 0 && nowMs >= warmMs) {
      finished = 0;
      startMs = nowMs;
      endMs = nowMs + 1000 * seconds;
    }
    for (; queued < JOBS_QUEUED; queued++) submit(done);
    if (signer.poll() !== 1) idle();
  }
  const measured = (finished * 1000) / (performance.now() - startMs);
  while (queued > 0) if (signer.poll() === 0) idle();
  return measured;
}

/**
 * Messages in blocks: hashing, trees, climbing, and a fresh root signature for every LEAVES of
 * them.
 */
export function blockRates(crypto: "native" | "noble", seconds: number): Rates {
  const [maker, checker] = [openStage(crypto, 0), openStage(crypto, null)];
  const spent = { sign: 0, verify: 0 };
  let messages = 0;
  let round = 0;
  while (spent.sign + spent.verify < 2000 * seconds) {
    const batch = Array.from({ length: LEAVES }, (_, i) => messageOf(round * LEAVES + i));
    const made: Bytes[] = [];
    const startMs = performance.now();
    for (const signed of batch) maker.sign(signed, null, (block) => made.push(block.slice()));
    while (made.length < LEAVES) if (maker.poll() === 0) maker.runJob();
    const signedMs = performance.now();
    let held = 0;
    for (const [i, signed] of batch.entries()) {
      const proof = { signer: 0, signed, signature: made[i] ?? EMPTY };
      checker.verify([proof], null, (valid) => {
        if (valid) held++;
      });
    }
    while (held < LEAVES && (checker.runJob() || checker.poll() > 0));
    if (held < LEAVES) throw new Error("a block that was just made does not hold");
    if (++round <= WARM_ROUNDS) continue;
    spent.sign += signedMs - startMs;
    spent.verify += performance.now() - signedMs;
    messages += LEAVES;
  }
  maker.close();
  checker.close();
  return { sign: (messages * 1000) / spent.sign, verify: (messages * 1000) / spent.verify };
}

function openStage(crypto: "native" | "noble", self: number | null): BlockStage {
  const secretKey = self === null ? null : pair.secretKey;
  const keys = [pair.publicKey];
  const parts =
    crypto === "native"
      ? { hasher: new NativeHasher(), signer: new NativeSigner(secretKey, keys, 0) }
      : { hasher: new ReferenceHasher(), signer: new NobleSigner(secretKey, keys) };
  return new BlockStage({ kind: "batch", self, n: 1, domain: digest, ...parts });
}

function messageOf(number: number): Bytes {
  const bytes = new Uint8Array(SIGNED_SIZE);
  new DataView(bytes.buffer).setUint32(0, number);
  return bytes;
}
