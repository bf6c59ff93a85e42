// Two faults that go by what messages say: promises that are late and forgotten, and kinds of
// messages that are lost.

import { mix32, type Random } from "../base/seeded-random.ts";
import type { PacketGuide } from "./network.ts";
import { mayCrash, restart } from "./process-faults.ts";
import type { Process } from "./process.ts";
import type { Packet } from "./simulated-packet.ts";
import type { World } from "./world.ts";

/** How often what moves views is late, and who sent a promise loses its memory. */
const LATE = 1 / 2;
const FORGOTTEN = 1 / 4;
/** Restarts of a seed, so that something is done between them. */
const RESTARTS_MAX = 12;
/** One kind in so many is lost, half of the time. */
const KINDS_LOST = 12;

/** Has such faults befall the world's packets, if its plan has any. */
export function guidePackets(world: World): void {
  const { afterPromises, losesKinds } = world.plan;
  if (losesKinds !== 0) {
    world.network.guide = lossOf(world.random.stream("lost kinds"), losesKinds);
  } else if (afterPromises) {
    const promises = new Promises(world);
    world.network.guide = (from, to, packet) => promises.fate(from, to, packet);
  }
}

function lossOf(random: Random, salt: number): PacketGuide {
  return (_from, _to, { part, content }) => {
    const kind = part ? 0 : (content.bytes[0] ?? 0);
    const loses = mix32(salt, kind) % KINDS_LOST === 0;
    return loses && random.chance(0.5) ? "lost" : "usual";
  };
}

class Promises {
  readonly #world: World;
  readonly #random: Random;
  #restarts = 0;
  /** The last packet that was looked at: one to all comes once for each. */
  #last: Packet | null = null;

  constructor(world: World) {
    this.#world = world;
    this.#random = world.random.stream("promises");
  }

  fate(from: Process, to: Process, packet: Packet): "late" | "quick" | "usual" {
    const { protocol } = this.#world.subject;
    const hints = protocol.simulation;
    const { n } = this.#world.plan;
    if (packet.part || from.host >= n || to.host >= n) return "usual";
    const message = packet.content.read(protocol);
    if (message === null) return "usual";
    if (hints?.recovers?.(message) === true) return "quick";
    const moves = hints?.moves?.(message) === true;
    if (moves || hints?.promises?.(message) === true) this.#made(from, packet);
    return moves && this.#random.chance(LATE) ? "late" : "usual";
  }

  /** Its sender may forget the promise, as soon as it has left. */
  #made(from: Process, packet: Packet): void {
    if (packet === this.#last || this.#restarts >= RESTARTS_MAX) return;
    this.#last = packet;
    const world = this.#world;
    const handle = world.replicas.find(({ process }) => process === from);
    if (handle === undefined || !this.#random.chance(FORGOTTEN)) return;
    world.scheduler.after(null, 1, () => {
      if (!mayCrash(world, handle)) return;
      this.#restarts++;
      world.crash(from);
      world.count("restarts after a promise");
      world.scheduler.after(null, 1 + world.plan.restartDownUs, () => restart(world, handle));
    });
  }
}
