// Fuzzing by mutation of real packets: of a codec, and of live nodes.

import type { Bytes, Sealed } from "../actor.ts";
import { mix32, Random } from "../base/seeded-random.ts";
import { Reader, Writer } from "../wire.ts";
import { wireBook } from "./packet-content.ts";
import { PAYLOAD_MAX } from "./simulated-packet.ts";
import { beginPlan, runPlan, type RunOptions } from "./run-seed.ts";
import { drawPlan } from "./seed-plan.ts";
import type { Observer } from "./observer.ts";
import type { Report, World } from "./world.ts";

export const PACKETS_A_SEED = 1000;
const CORPUS_MAX = 256;

/** Keeps packets of a run, as many of each kind. */
class Collector implements Observer {
  readonly packets: Bytes[] = [];
  readonly #kinds = new Map<number, number>();

  arrived(...[, , , packet]: Parameters<Observer["arrived"]>): void {
    const kind = packet.content.bytes[0] ?? 0;
    const count = this.#kinds.get(kind) ?? 0;
    if (packet.part || count >= 16 || this.packets.length >= CORPUS_MAX) return;
    this.#kinds.set(kind, count + 1);
    this.packets.push(packet.content.bytes);
  }

  happened(): void {
    // Only packets matter here.
  }
}

/**
 * A thousand mutated packets: `decode` never throws, `proofs` neither, and what decodes has a wire
 * form that decodes to the same again.
 */
export function fuzzCodec({ subject, seed }: RunOptions): Report {
  const collector = new Collector();
  const base = runPlan(subject, drawPlan(subject, "short", seed % 50, { tail: 2 }), collector);
  const random = new Random(seed, "codec");
  const { codec } = subject.protocol;
  const region = new Uint8Array(2 * PAYLOAD_MAX);
  const reader = new Reader(region, wireBook);
  const writer = new Writer(new Uint8Array(PAYLOAD_MAX), wireBook);
  const failures: string[] = [];
  let hash = 0;
  let decoded = 0;
  const decode = (bytes: Bytes): Sealed | null => {
    region.set(bytes);
    return codec.decode(reader.reset(0, bytes.length));
  };
  for (let i = 0; i < PACKETS_A_SEED && failures.length === 0; i++) {
    const bytes = mutatePacket(random, collector.packets);
    try {
      const message = decode(bytes);
      hash = mix32(hash, message === null ? 0 : 1);
      if (message === null) continue;
      decoded++;
      for (const proof of codec.proofs(message)) hash = mix32(hash, proof.signer);
      codec.encode(message, writer.reset(0, PAYLOAD_MAX));
      const again = writer.copy();
      hash = mix32(hash, Bun.hash.crc32(again));
      const second = decode(again);
      if (second === null) failures.push(`codec: packet ${i} re-encodes to what does not decode`);
      else {
        codec.encode(second, writer.reset(0, PAYLOAD_MAX));
        if (Buffer.compare(writer.copy(), again) !== 0) {
          failures.push(`codec: packet ${i} has two wire forms`);
        }
      }
    } catch (error) {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      const hex = Buffer.from(bytes).toString("hex");
      failures.push(`codec: packet ${i} (${hex}) throws ${text}`);
    }
  }
  const traceHash = (hash >>> 0).toString(16).padStart(8, "0");
  const injected = new Map([
    ["mutated packets", PACKETS_A_SEED],
    ["mutated packets that decode", decoded],
  ]);
  return { ...base, kind: "codec", seed, failures, traceHash, injected };
}

/** A packet with some bits flipped, bytes changed, inserted or cut, or joined from two. */
export function mutatePacket(random: Random, corpus: readonly Bytes[]): Bytes {
  if (corpus.length === 0 || random.chance(0.02)) return random.bytes(random.between(0, 200));
  let bytes: Bytes = new Uint8Array(random.pick(corpus));
  for (let changes = random.between(1, 3); changes > 0; changes--) {
    const at = random.int(bytes.length + 1);
    switch (random.int(6)) {
      case 0:
        bytes[at] = (bytes[at] ?? 0) ^ (1 << random.int(8));
        break;
      case 1:
        bytes[at] = random.pick([0, 1, 2, 127, 128, 255]);
        break;
      case 2:
        bytes = bytes.slice(0, at);
        break;
      case 3:
        bytes = join(bytes.subarray(0, at), random.bytes(random.between(1, 8)), bytes.subarray(at));
        break;
      case 4:
        bytes = join(bytes.subarray(0, at), random.pick(corpus).subarray(at));
        break;
      default:
        bytes.fill(random.pick([0, 255]), at, at + 8);
    }
  }
  return bytes.subarray(0, PAYLOAD_MAX);
}

function join(...parts: readonly Bytes[]): Bytes {
  return new Uint8Array(Buffer.concat(parts));
}

/** Live nodes: a seed in which a third of all packets is corrupted, and many are repeated later. */
export function beginFuzz(options: RunOptions): World {
  const { subject, seed, changes } = options;
  const plan = drawPlan(subject, "fuzz", seed, changes);
  const network = { ...plan.network, corruption: 0.3, replay: 0.2, partitions: [] };
  return beginPlan(options, { ...plan, network });
}
