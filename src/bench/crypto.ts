// npm run bench -- crypto: what signatures cost here, and so what bounds a protocol that signs.

import type { Bytes } from "../actor.ts";
import type { Command, Options } from "../cli/command-line.ts";
import { writeJson } from "../cli/json-file.ts";
import { ReferenceHasher } from "../crypto/batch.ts";
import { generateKeyPair } from "../crypto/keys.ts";
import { NativeHasher, NativeSigner } from "../crypto/native.ts";
import { NobleSigner } from "../crypto/noble.ts";
import { BlockStage, type RootSigner } from "../crypto/stage.ts";
import type { Costs } from "../evaluation/cost-model.ts";
import { alignColumns, decimal, formatThroughput } from "../evaluation/format.ts";
import { median } from "../evaluation/median.ts";
import { describeHost, versions } from "../evaluation/record.ts";
import { loadNative } from "../ffi/native.ts";
import { allowedCpus } from "../process/cpus.ts";
import { EMPTY } from "../wire.ts";

export const BENCH_CRYPTO: Command = {
  name: "npm run bench -- crypto",
  description:
    "Signatures made and checked a second: plain ones by one thread and by -w threads at the " +
    "same time, and messages in signature blocks that share a root",
  args: {
    workers: {
      type: "string",
      alias: "w",
      description: "Signature threads, each on a processor of its own (default: all processors)",
    },
    seconds: {
      type: "string",
      default: "0.5",
      description: "Length of one measurement, in seconds",
    },
    rounds: {
      type: "string",
      default: "3",
      description: "Measurements of each, of which the median counts",
    },
    json: { type: "string", description: "Write the figures to this file" },
  },
};

/** A second's worth, of each kind. */
interface Rates {
  readonly sign: number;
  readonly verify: number;
}

/**
 * Messages of a reply's length in blocks of one tree; made and checked on one thread, roots
 * included.
 */
interface BlockRates extends Rates {
  readonly leaves: number;
}

interface Figures {
  readonly workers: number;
  readonly native: { readonly one: Rates; readonly all: Rates; readonly blocks: BlockRates };
  /** Noble has no threads: `-w` changes nothing. */
  readonly noble: { readonly one: Rates; readonly blocks: BlockRates };
  /**
   * Operations a second if each costs one signature and one check, with all threads busy:
   * workers / (time to sign + time to check).
   */
  readonly bound: number;
}

/** Jobs in the ring: enough that the threads work for milliseconds while this one sleeps. */
const JOBS_QUEUED = 512;
const SLEEP_US = 500;
const SIGNED_SIZE = 64;
const LEAVES = 256;
/** Rounds of blocks before the clock starts: they run code that is not compiled yet. */
const WARM_ROUNDS = 20;

const pair = generateKeyPair();
const digest: Bytes = new Uint8Array(32).fill(7);

/** Measures, prints the table, and writes the record. Throws UsageError. */
export async function benchCrypto(options: Options): Promise<number> {
  const cpus = allowedCpus();
  const workers =
    options.text("workers") === undefined ? cpus.length : options.integer("workers", 1, 256);
  const seconds = options.decimal("seconds", 0.01, 600);
  const rounds = options.integer("rounds", 1, 1000);
  const json = options.output("json");
  const repeat = (measure: () => Rates): Rates => medians(measure, rounds);
  const all = repeat(() => threads(workers, cpus, seconds));
  const figures: Figures = {
    workers,
    native: {
      one: repeat(() => threads(1, cpus, seconds)),
      all,
      blocks: { leaves: LEAVES, ...repeat(() => blocks("native", seconds)) },
    },
    noble: {
      one: repeat(() => plain(new NobleSigner(pair.secretKey, [pair.publicKey]), seconds)),
      blocks: { leaves: LEAVES, ...repeat(() => blocks("noble", seconds)) },
    },
    bound: 1 / (1 / all.sign + 1 / all.verify),
  };
  print(figures);
  if (json !== undefined) {
    writeJson(json, { ...figures, seconds, rounds, host: describeHost(), versions: versions() });
  }
  return 0;
}

/** What signatures cost one core, in microseconds; see Costs of src/evaluation/cost-model.ts. */
export function signatureCosts(
  seconds: number,
): Pick<Costs, "signUs" | "verifyUs" | "leafUs" | "climbUs"> {
  const one = threads(1, allowedCpus(), seconds);
  const shared = blocks("native", seconds);
  const [signUs, verifyUs] = [1e6 / one.sign, 1e6 / one.verify];
  return {
    signUs,
    verifyUs,
    // Each tree has one root signature, which is made and checked in full once.
    leafUs: Math.max(0, 1e6 / shared.sign - signUs / LEAVES),
    climbUs: Math.max(0, 1e6 / shared.verify - verifyUs / LEAVES),
  };
}

function medians(measure: () => Rates, rounds: number): Rates {
  const all = Array.from({ length: rounds }, measure);
  return {
    sign: median(all.map((rates) => rates.sign)),
    verify: median(all.map((rates) => rates.verify)),
  };
}

/** Plain signatures by `workers` threads in C; this one sleeps, and keeps their queue filled. */
function threads(workers: number, cpus: readonly number[], seconds: number): Rates {
  const library = loadNative();
  const signer = new NativeSigner(pair.secretKey, [pair.publicKey], workers, cpus);
  try {
    return plain(signer, seconds, () => library.oskr_sleep_us(SLEEP_US));
  } finally {
    signer.close();
  }
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
function blocks(crypto: "native" | "noble", seconds: number): Rates {
  const [maker, checker] = [openStage(crypto, 0), openStage(crypto, null)];
  const spent = { sign: 0, verify: 0 };
  let messages = 0;
  let round = 0;
  while (spent.sign + spent.verify < 2000 * seconds) {
    const batch = Array.from({ length: LEAVES }, (_, i) => messageOf(round * LEAVES + i));
    const made: Bytes[] = [];
    const startMs = performance.now();
    for (const signed of batch) maker.sign(signed, (block) => made.push(block.slice()));
    while (made.length < LEAVES) if (maker.poll() === 0) maker.help();
    const signedMs = performance.now();
    let held = 0;
    for (const [i, signed] of batch.entries()) {
      const proof = { signer: 0, signed, signature: made[i] ?? EMPTY };
      checker.verify([proof], (valid) => {
        if (valid) held++;
      });
    }
    while (held < LEAVES && (checker.help() || checker.poll() > 0));
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
      ? { hasher: new NativeHasher(digest), signer: new NativeSigner(secretKey, keys, 0) }
      : { hasher: new ReferenceHasher(digest), signer: new NobleSigner(secretKey, keys) };
  return new BlockStage({ kind: "batch", self, n: 1, ...parts });
}

function messageOf(number: number): Bytes {
  const bytes = new Uint8Array(SIGNED_SIZE);
  new DataView(bytes.buffer).setUint32(0, number);
  return bytes;
}

function print({ workers, native, noble, bound }: Figures): void {
  const us = (rate: number): string => decimal(1e6 / rate, 1);
  const row = (name: string, { sign, verify }: Rates, count = 1): readonly string[] => [
    ...[name, decimal(sign, 0), decimal(verify, 0), us(sign / count), us(verify / count)],
  ];
  const table = alignColumns([
    ["", "made/s", "checked/s", "us to make", "us to check"],
    row("native, one thread", native.one),
    row(`native, ${workers} threads at the same time`, native.all, workers),
    row("noble, the polling thread", noble.one),
    row(`native, blocks of ${LEAVES} messages`, native.blocks),
    row(`noble, blocks of ${LEAVES} messages`, noble.blocks),
  ]);
  console.log(
    `${table}\n\nBound of ${workers} threads that make and check one plain signature an ` +
      `operation: ${formatThroughput(bound)}`,
  );
}
