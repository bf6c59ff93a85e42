// How many processes of this machine poll beside this one, as far as it can see: how it waits
// depends on that (waiting.ts).

import { existsSync, readdirSync } from "node:fs";
import type { IdleName } from "../cli/definitions.ts";
import type { WireAddress } from "../config.ts";

/** Polling processes of this machine, this one included, and the processors that they share. */
export interface Crowd {
  readonly pollers: number;
  readonly processors: number;
}

/**
 * The default of --idle where whoever brings something wakes who sleeps: where processes share
 * processors, each that waits awake takes the time of one that has work.
 */
export function idleIn({ pollers, processors }: Crowd): IdleName {
  return pollers <= processors ? "auto" : "park";
}

/** The first number of the addresses of the loopback interface. */
const LOOPBACK = 127;
/** Bytes of an IPv4 address, which begins a host over UDP. */
const IP_BYTES = 4;

/**
 * Those that memif joins in a directory, with their fabric: each has its doorbell there. `least`
 * are to come, if they are not there yet.
 */
export function memifPollers(dir: string, least: number): number {
  if (!existsSync(dir)) return least;
  const doorbells = readdirSync(dir).filter((name) => name.endsWith(".doorbell"));
  return Math.max(least, doorbells.length);
}

/**
 * Over UDP: replicas at the address `local` of this process, or on the loopback interface, and a
 * process of clients, which no configuration names.
 */
export function udpPollers(replicas: readonly WireAddress[], local: Uint8Array | null): number {
  const own = local?.subarray(0, IP_BYTES) ?? null;
  const here = ({ host }: WireAddress): boolean =>
    host[0] === LOOPBACK || (own !== null && own.every((byte, i) => byte === host[i]));
  return replicas.filter(here).length + 1;
}
