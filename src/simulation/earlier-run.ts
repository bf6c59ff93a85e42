// An earlier run of the same cluster: what it sent stays with strangers, who play it back to the
// present one. Its replicas had the same keys and other nonces, or are the same ones, which all
// lost their memory at once.

import type { Random } from "../base/seeded-random.ts";
import type { Network } from "./network.ts";
import type { Process } from "./process.ts";
import type { RunNotes } from "./run-notes.ts";
import type { Scheduler } from "./scheduler.ts";
import type { Packet } from "./simulated-packet.ts";

/** Packets that are kept of it, from its first on. */
export const RECORDED_MAX = 1500;
/** How many of them are played back in order, at most. */
const PLAYED_MAX = 400;
/** View timeouts for which strangers are at it, if the network is not quiet later than that. */
const PLAYED_TIMEOUTS = 8;
/** How often a packet that is sent is joined by an old one: of its kind, or any. */
const SAME_KIND = 0.3;
const ANY = 0.05;
/** Old packets that join one of their kind and receiver. */
const ALIKE = 4;

/** Packets that are kept of a run from when it began, and the latest ones. */
const FIRST_MAX = 500;
const LATEST_MAX = 1000;

/** What strangers keep of a run whose end nobody knows. */
export class Recording {
  readonly #first: Packet[] = [];
  readonly #latest: Packet[] = [];
  #count = 0;

  add(packet: Packet): void {
    const kept = { ...packet, intact: false };
    if (this.#first.length < FIRST_MAX) this.#first.push(kept);
    else this.#latest[this.#count++ % LATEST_MAX] = kept;
  }

  /** In the order in which they arrived. */
  get packets(): readonly Packet[] {
    const oldest = this.#count % Math.max(1, this.#latest.length);
    return [...this.#first, ...this.#latest.slice(oldest), ...this.#latest.slice(0, oldest)];
  }
}

export interface EarlierRun {
  /** In the order in which they arrived. */
  readonly packets: readonly Packet[];
  readonly notes: RunNotes;
  /** What was violated in it: nothing, unless the protocol is wrong. */
  readonly failures: readonly string[];
}

export interface ReplayWorld {
  readonly plan: { readonly n: number; readonly viewTimeoutMs: number };
  readonly random: Random;
  readonly scheduler: Scheduler;
  readonly network: Pick<Network, "deliver" | "overhear">;
  readonly gstUs: number;
  /** Counts what was done, by name. */
  count(what: string): void;
}

/**
 * Plays back the packets of an earlier run: in order, from the first START on; and each kind again
 * when one of it is sent, to whoever gets that, so that old answers meet new questions.
 * `from` has no keys.
 */
export function playBack(
  world: ReplayWorld,
  from: Process,
  recorded: readonly Packet[],
  fault: "earlier run" | "all restart",
): void {
  const { scheduler, network, plan } = world;
  const random = world.random.stream(fault);
  if (recorded.length === 0) return;
  const byKind = new Map<number, Packet[]>();
  for (const packet of recorded) {
    const known = byKind.get(keyOf(packet));
    if (known === undefined) byKind.set(keyOf(packet), [packet]);
    else known.push(packet);
  }
  const send = (packet: Packet, toHost: number): void => {
    world.count(`${fault}: replayed`);
    network.deliver(from, { ...packet, toHost, toId: toHost < plan.n ? toHost : packet.toId });
  };
  const beginUs = scheduler.nowUs;
  const untilUs = Math.max(world.gstUs, beginUs + PLAYED_TIMEOUTS * plan.viewTimeoutMs * 1000);
  const spacingUs = random.pick([10, 100, 1000]);
  for (let i = 0; i < Math.min(recorded.length, PLAYED_MAX); i++) {
    const packet = recorded[i];
    if (packet === undefined || beginUs + i * spacingUs > untilUs) break;
    const toHost = random.chance(0.8) ? packet.toHost : random.int(plan.n);
    scheduler.after(null, i * spacingUs, () => send(packet, toHost));
  }
  network.overhear((packet) => {
    if (scheduler.nowUs > untilUs || packet.part) return;
    if (random.chance(SAME_KIND)) {
      const alike = byKind.get(keyOf(packet)) ?? [];
      for (let i = 0; i < Math.min(ALIKE, alike.length); i++) {
        send(random.pick(alike), packet.toHost);
      }
    }
    if (random.chance(ANY)) send(random.pick(recorded), packet.toHost);
  });
}

/** Its kind and its receiver. */
function keyOf({ content, toHost }: Packet): number {
  return toHost * 256 + (content.bytes[0] ?? 0);
}
