// Who looks at a run: a trace or a script sees what happens, and a watch is told enough of it to
// draw it. Without a watch nothing is told, and a run costs what it cost.

import type { App, Bytes, Codec, Proof, Sealed } from "../actor.ts";
import type { Drops } from "../driver.ts";
import type { Issued } from "./judge.ts";
import type { Process } from "./process.ts";
import type { ReplicaHandle } from "./replica-handle.ts";
import type { Scheduler } from "./scheduler.ts";
import type { Plan } from "./seed-plan.ts";
import type { Packet } from "./simulated-packet.ts";
import type { Subject } from "./subject.ts";

export interface Observer {
  arrived(atUs: number, from: Process, to: Process, packet: Packet): void;
  happened(atUs: number, process: Process, what: string): void;
  readonly watch?: Watch;
}

/** What of a world its watch reads, whenever it wants. */
export interface WatchedWorld {
  readonly subject: Subject;
  readonly plan: Plan;
  readonly scheduler: Scheduler;
  readonly replicas: readonly ReplicaHandle[];
  readonly clientProcesses: readonly Process[];
  readonly clients: readonly { readonly id: number; readonly process: Process }[];
  readonly gstUs: number;
}

/**
 * Told what happens to packets, and inside processes; none of its answers changes the run. What
 * happens in one event of the scheduler belongs together.
 */
export interface Watch {
  begins(world: WatchedWorld): void;
  adds(process: Process): void;
  /** A packet that will arrive at `dueUs` if the receiver is up then; returns its number. */
  travels(from: Process, to: Process, packet: Packet, how: Travel, dueUs: number): number;
  /** A packet that never arrives. */
  isLost(from: Process, to: Process, packet: Packet, reason: string): void;
  /** The packet of that number is lost by hand, or will arrive that much later. */
  isStopped(number: number): void;
  isDelayed(number: number, byUs: number): void;
  /** The packet of that number is handed to its receiver. */
  arrives(number: number): void;
  /** The codec of the node with that id, which tells what it encodes and decodes. */
  codecOf(process: Process, id: number, codec: Codec<Sealed>): Codec<Sealed>;
  /** Where that node counts what it drops. */
  dropsOf(process: Process, id: number): Drops;
  /** The next message that the node encoded leaves as what travels until `left`. */
  leaves(process: Process, id: number): void;
  left(): void;
  /** Signatures of a message that arrived at the process were checked. */
  judged(process: Process, proofs: readonly Proof[]): void;
  /** The application of a replica that starts. */
  appOf(process: Process, app: App): App;
  receives(process: Process, message: Sealed): void;
  refuses(process: Process, message: Sealed): void;
  timesOut(process: Process, timer: string): void;
  /** After each event of a replica's process. */
  looksAt(handle: ReplicaHandle): void;
  asks(issued: Issued, number: number): void;
  accepts(process: Process, op: Bytes): void;
  fails(what: string): void;
}

/** How a packet came to travel, beside by being sent. */
export type Travel = "sent" | "late" | "replayed" | "duplicated" | "repeated" | "corrupted";
