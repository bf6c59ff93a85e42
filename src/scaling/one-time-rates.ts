// How fast one-time signatures are made and checked on this machine.

import type { Bytes } from "../actor.ts";
import { generateKeyPair } from "../crypto/keys.ts";
import { openNativeStage } from "../crypto/native.ts";
import type { BlockStage } from "../crypto/stage.ts";
import { ONE_TIME_KEYS } from "../base/one-time-form.ts";

/** A second's worth, of each, by one thread. */
export interface OneTimeRates {
  /** Keys made, with their share of a batch's root and its signature. */
  readonly keys: number;
  readonly sign: number;
  /** Checks of signatures whose root is known, and of those that teach one. */
  readonly known: number;
  readonly cold: number;
  /** Announcements heard. */
  readonly announced: number;
}

const SIGNED_SIZE = 64;
/** Batches before the clock starts: they run code that is not compiled yet. */
const WARM_BATCHES = 16;

/** Stages of one signer and of those that check what it signs; the last hears announcements. */
interface Stages {
  readonly maker: BlockStage;
  readonly checker: BlockStage;
  readonly peer: BlockStage;
}

/** What came of it, in milliseconds, and how often it was done. */
class Spent {
  ms = 0;
  count = 0;

  measure(count: number, work: () => void): void {
    const startMs = performance.now();
    work();
    this.ms += performance.now() - startMs;
    this.count += count;
  }

  get rate(): number {
    return (this.count * 1000) / this.ms;
  }
}

/** A batch after the other, for about so many seconds. Throws if a signature does not hold. */
export function oneTimeRates(seconds: number): OneTimeRates {
  const stages = openStages();
  const announcements: (readonly [Bytes, Bytes])[] = [];
  stages.maker.announcing((batch, signature) => {
    announcements.push([batch.slice(), signature.slice()]);
  });
  const endMs = performance.now() + 1000 * seconds;
  let spent = measures();
  for (let batch = 0; batch < WARM_BATCHES || performance.now() < endMs; batch++) {
    if (batch === WARM_BATCHES) spent = measures();
    const before = announcements.length;
    const { keys } = spent;
    keys.measure(0, () => {
      while (stages.maker.runJob() || stages.maker.poll() > 0);
    });
    keys.count += (announcements.length - before) * ONE_TIME_KEYS;
    useBatch(stages, batch, spent);
    for (const [announced, signature] of announcements.splice(0)) {
      spent.announced.measure(1, () => {
        stages.peer.hear(0, announced, signature);
        while (stages.peer.runJob());
      });
    }
  }
  for (const stage of Object.values(stages)) stage.close();
  const { keys, sign, known, cold, announced } = spent;
  return {
    keys: keys.rate,
    sign: sign.rate,
    known: known.rate,
    cold: cold.rate,
    announced: announced.rate,
  };
}

const measures = () => ({
  keys: new Spent(),
  sign: new Spent(),
  known: new Spent(),
  cold: new Spent(),
  announced: new Spent(),
});

/** Signs with all keys of a batch, and checks what it signed: the first teaches the root. */
function useBatch(
  { maker, checker }: Stages,
  batch: number,
  { sign, known, cold }: ReturnType<typeof measures>,
): void {
  const messages = Array.from({ length: ONE_TIME_KEYS }, (_, i) => messageOf(batch, i));
  const blocks: Bytes[] = [];
  sign.measure(ONE_TIME_KEYS, () => {
    for (const signed of messages) {
      maker.sign(signed, null, (block) => blocks.push(block.slice()));
      maker.runJob();
    }
  });
  for (const [i, signed] of messages.entries()) {
    const signature = blocks[i];
    if (signature === undefined) throw new Error("a message was not signed at once");
    let valid = false;
    (i === 0 ? cold : known).measure(1, () => {
      checker.verify([{ signer: 0, signed, signature }], null, (holds) => (valid = holds));
    });
    if (!valid) throw new Error("a one-time signature that was just made does not hold");
  }
}

function openStages(): Stages {
  const { secretKey, publicKey } = generateKeyPair();
  const open = (self: number | null): BlockStage =>
    openNativeStage({
      ...{ kind: "hybrid", domain: new Uint8Array(32).fill(7), workers: 0 },
      ...{ self, secretKey: self === null ? null : secretKey, publicKeys: [publicKey] },
    });
  return { maker: open(0), checker: open(null), peer: open(null) };
}

function messageOf(batch: number, number: number): Bytes {
  const bytes = new Uint8Array(SIGNED_SIZE);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, batch);
  view.setUint32(4, number);
  return bytes;
}
