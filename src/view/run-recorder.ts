// Records a run for its page: a watch that knows which handler sent which message, and what became
// of each. What happens in one event of the scheduler belongs to the handler that began last in it.

import type { App, Bytes, Codec, Proof, Sealed } from "../actor.ts";
import { assert } from "../base/assert.ts";
import type { Drops } from "../driver.ts";
import { describe, stampOf, type Issued } from "../simulation/judge.ts";
import type { Observer, Travel, Watch, WatchedWorld } from "../simulation/observer.ts";
import { UNSENT } from "../node.ts";
import type { Process } from "../simulation/process.ts";
import type { ReplicaHandle } from "../simulation/replica-handle.ts";
import { isProof, type Packet } from "../simulation/simulated-packet.ts";
import { Bands } from "./bands.ts";
import { Columns } from "./columns.ts";
import { notingApp } from "./noting-app.ts";
import { PacketContents } from "./packet-contents.ts";
import type { FailureData, FateClass, MARKS, OperationData } from "./run-data.ts";
import { SentMessages } from "./sent-messages.ts";

/** What became of a message that nothing became of. */
export const UNDER_WAY = "still under way at the end";
const CRASHED = "its receiver crashed before it handled it";

/** What a process has decoded and not handled yet. */
type Waiting = Map<Sealed, number[]>;

export class RunRecorder implements Observer, Watch {
  readonly columns = new Columns();
  readonly failures: FailureData[] = [];
  readonly operations: OperationData[] = [];
  readonly processes: Process[] = [];
  readonly bands = new Bands();
  /** Messages so far, those before the first that is kept as well. */
  count = 0;
  readonly #skip: number;
  readonly #max: number;
  #world: WatchedWorld | null = null;
  #contents: PacketContents | null = null;
  /** The event in which the handler and the arrival below are under way. */
  #event = -1;
  #handler = -1;
  #arrival = -1;
  readonly #sent = new SentMessages();
  /** By process and incarnation. */
  readonly #waiting = new WeakMap<Process, Waiting>();
  /** By arrival, what waits to be handled. */
  readonly #decoded = new Map<number, Sealed>();
  readonly #messages = new WeakMap<readonly Proof[], Sealed>();
  readonly #operationOf = new Map<number, number>();

  /** Keeps at most `max` messages, those after the first `skip`. */
  constructor(skip: number, max: number) {
    this.#skip = skip;
    this.#max = max;
  }

  get watch(): Watch {
    return this;
  }

  get world(): WatchedWorld {
    assert(this.#world !== null, "a world has begun");
    return this.#world;
  }

  get contents(): PacketContents {
    assert(this.#contents !== null, "a world has begun");
    return this.#contents;
  }

  /** The operation with that stamp; -1 for one of nobody's history. */
  operationOf(stamp: number): number {
    return this.#operationOf.get(stamp) ?? -1;
  }

  begins(world: WatchedWorld): void {
    this.#world = world;
    this.#contents = new PacketContents(world.subject.protocol, (signer) => `r${signer}`);
  }

  adds(process: Process): void {
    this.processes.push(process);
  }

  /** What `arrives` told of: there is a receiver. */
  arrived(atUs: number): void {
    const number = this.#arrivalNow();
    if (number < 0) return;
    const part = this.contents.isPart(this.columns.messages.content[number] ?? -1);
    this.columns.arrive(number, atUs, part);
  }

  happened(atUs: number, process: Process, what: string): void {
    if (what === "crashes") {
      for (const arrivals of this.#waiting.get(process)?.values() ?? []) {
        for (const one of arrivals) this.columns.settle(one, "down", CRASHED);
      }
      this.#waiting.delete(process);
      this.bands.down(process.index, atUs);
    } else if (what === "starts") {
      this.#begin(process, -1, "starts", -1);
      this.bands.up(process.index, atUs);
    } else if (what.startsWith("pauses")) {
      this.bands.paused(process.index, atUs, process.pausedUntilUs, what);
    }
  }

  travels(from: Process, to: Process, packet: Packet, how: Travel, dueUs: number): number {
    return this.#add(from, to, packet, how, dueUs, "under way", UNDER_WAY);
  }

  isLost(from: Process, to: Process, packet: Packet, reason: string): void {
    const { plan, scheduler } = this.world;
    const usualUs = (plan.network.delayMinUs + plan.network.delayMaxUs) / 2;
    this.#add(from, to, packet, "sent", scheduler.nowUs + Math.round(usualUs), "lost", reason);
  }

  isStopped(number: number): void {
    if (number < 0) return;
    this.columns.settle(number, "lost", "dropped by hand");
    this.columns.messages.endUs[number] = this.world.scheduler.nowUs;
  }

  isDelayed(number: number, byUs: number): void {
    const { endUs } = this.columns.messages;
    if (number >= 0) endUs[number] = (endUs[number] ?? 0) + byUs;
  }

  arrives(number: number): void {
    this.#event = this.world.scheduler.count;
    this.#handler = -1;
    this.#arrival = number;
  }

  codecOf(process: Process, id: number, codec: Codec<Sealed>): Codec<Sealed> {
    this.#sent.begin(process, id);
    const { openKinds, bare, bodyIn } = codec;
    return {
      encode: (message, out) => {
        codec.encode(message, out);
        this.contents.sends(message);
        this.#sent.encoded(process, id, message, this.#currentOf(process));
      },
      decode: (input) => {
        const message = codec.decode(input);
        const arrival = this.#arrivalNow();
        if (message === null || arrival < 0) return message;
        this.columns.settle(arrival, "under way", "its signatures were being checked at the end");
        this.#waits(process, message, arrival);
        return message;
      },
      proofs: (message, signs) => {
        const proofs = codec.proofs(message, signs);
        if (proofs.length > 0) this.#messages.set(proofs, message);
        return proofs;
      },
      ...(openKinds === undefined ? {} : { openKinds }),
      ...(bodyIn === undefined ? {} : { bodyIn }),
      ...(bare === undefined ? {} : { bare: (message) => this.#bare(process, message, bare) }),
    };
  }

  dropsOf(process: Process, id: number): Drops {
    const noteDrop = (reason: string): void => {
      if (UNSENT.has(reason)) return this.#sent.dropped(process, id);
      const arrival = this.#arrivalNow();
      if (arrival < 0) return;
      this.columns.settle(arrival, "refused", reason);
      this.#forget(process, arrival);
    };
    return new (class extends Map<string, number> {
      override set(reason: string, count: number): this {
        noteDrop(reason);
        return super.set(reason, count);
      }
    })();
  }

  leaves(process: Process, id: number): void {
    this.#sent.leaves(process, id);
  }

  left(): void {
    this.#sent.left();
  }

  judged(process: Process, proofs: readonly Proof[]): void {
    const message = this.#messages.get(proofs);
    if (message !== undefined) this.refuses(process, message);
  }

  /** What is dropped next is the first arrival of that message. */
  refuses(process: Process, message: Sealed): void {
    if (this.#decoded.get(this.#arrivalNow()) === message) return;
    const [arrival = -1] = this.#waiting.get(process)?.get(message) ?? [];
    if (arrival < 0) return;
    this.#event = this.world.scheduler.count;
    this.#arrival = arrival;
  }

  appOf(process: Process, app: App): App {
    return notingApp(app, (kind, text, op) => this.#mark(process, kind, text, op));
  }

  receives(process: Process, message: Sealed): void {
    const waiting = this.#waiting.get(process);
    const arrivals = waiting?.get(message) ?? [];
    const arrival = arrivals.shift();
    if (arrivals.length === 0) waiting?.delete(message);
    if (arrival === undefined) {
      const cause = this.#sent.returns(process, message);
      this.#begin(process, -1, `its own ${String(kindOf(message))}`, cause);
      return;
    }
    this.#decoded.delete(arrival);
    this.#begin(process, arrival, "", -1);
    this.columns.handle(arrival, this.#handler);
  }

  timesOut(process: Process, timer: string): void {
    this.#begin(process, -1, `timeout ${timer}`, -1);
    this.#mark(process, "timeout", timer, null);
  }

  looksAt({ process, replica }: ReplicaHandle): void {
    if (replica === null) return;
    const { view, phase } = replica.census();
    this.bands.look(process.index, this.world.scheduler.nowUs, view, phase);
  }

  asks({ client, op, sentUs }: Issued, number: number): void {
    const process = this.world.clients.find(({ id }) => id === client)?.process;
    if (process === undefined) return;
    const name = `c${client}#${number}`;
    this.#operationOf.set(stampOf(op), this.operations.length);
    this.operations.push({ name, process: process.index, askedUs: sentUs, answeredUs: -1 });
    this.#begin(process, -1, `asks ${name}`, -1);
    this.#mark(process, "ask", name, op);
  }

  accepts(process: Process, op: Bytes): void {
    const index = this.operationOf(stampOf(op));
    const known = this.operations[index];
    if (known === undefined) return;
    this.operations[index] = { ...known, answeredUs: this.world.scheduler.nowUs };
    this.#mark(process, "answer", known.name, op);
  }

  fails(what: string): void {
    const { nowUs } = this.world.scheduler;
    const handler = this.#current();
    const [invariant = what] = what.split(":");
    const named = this.processes.find(({ name }) => new RegExp(`\\b${name}\\b`).test(what));
    const at = handler < 0 ? -1 : this.columns.processOf(handler);
    // What is judged once the run is over belongs to no call, whatever was called last.
    const own = invariant === "throw" || (named !== undefined && named.index === at);
    const process = own ? at : (named?.index ?? -1);
    this.failures.push({
      atUs: nowUs,
      process,
      handler: own ? handler : -1,
      invariant,
      text: what,
    });
  }

  #add(
    from: Process,
    to: Process,
    packet: Packet,
    how: Travel,
    endUs: number,
    fate: FateClass,
    what: string,
  ): number {
    if (isProof(packet)) return -1;
    const number = this.count++;
    if (number < this.#skip || number >= this.#skip + this.#max) return -1;
    const sentUs = this.world.scheduler.nowUs;
    const content = this.contents.of(packet);
    // What is replayed leaves anew, because of nobody.
    const cause = how === "replayed" ? -1 : this.#sent.cause(from, this.#currentOf(from));
    const [start, end] = [from.index, to.index];
    const given = { from: start, to: end, sentUs, endUs, content, how, cause };
    return this.columns.addMessage(given, fate, what);
  }

  #waits(process: Process, message: Sealed, arrival: number): void {
    this.#decoded.set(arrival, message);
    let waiting = this.#waiting.get(process);
    if (waiting === undefined) {
      waiting = new Map();
      this.#waiting.set(process, waiting);
    }
    const arrivals = waiting.get(message);
    if (arrivals === undefined) waiting.set(message, [arrival]);
    else arrivals.push(arrival);
  }

  /** What is handled is the message without its certificate. */
  #bare(process: Process, message: Sealed, bare: (message: Sealed) => Sealed): Sealed {
    const arrivals = this.#waiting.get(process)?.get(message) ?? [];
    const [arrival = -1] = arrivals;
    const made = bare(message);
    if (arrival < 0) return made;
    this.#forget(process, arrival);
    this.#waits(process, made, arrival);
    return made;
  }

  /** That arrival is never handled. */
  #forget(process: Process, arrival: number): void {
    const message = this.#decoded.get(arrival);
    if (message === undefined) return;
    this.#decoded.delete(arrival);
    const waiting = this.#waiting.get(process);
    const others = waiting?.get(message)?.filter((other) => other !== arrival) ?? [];
    if (others.length > 0) waiting?.set(message, others);
    else waiting?.delete(message);
  }

  #current(): number {
    return this.#event === this.world.scheduler.count ? this.#handler : -1;
  }

  /** The process's own: strangers act in events of others, whose calls they are no part of. */
  #currentOf({ index }: Process): number {
    const current = this.#current();
    return current >= 0 && this.columns.processOf(current) === index ? current : -1;
  }

  #arrivalNow(): number {
    return this.#event === this.world.scheduler.count ? this.#arrival : -1;
  }

  /** Whether what happens now is beside messages that are kept. */
  get #keeps(): boolean {
    return this.count >= this.#skip && this.count <= this.#skip + this.#max;
  }

  #begin(process: Process, message: number, what: string, cause: number): void {
    const { count, nowUs } = this.world.scheduler;
    this.#event = count;
    this.#arrival = -1;
    const kept = this.#keeps;
    this.#handler = kept ? this.columns.addHandler(process.index, nowUs, message, what, cause) : -1;
  }

  #mark(process: Process, kind: (typeof MARKS)[number], text: string, op: Bytes | null): void {
    if (!this.#keeps) return;
    const { nowUs } = this.world.scheduler;
    const operation = op === null ? -1 : this.operationOf(stampOf(op));
    const told = op === null || text !== "" ? text : describe(op);
    const at = { process: process.index, atUs: nowUs, handler: this.#current(), operation };
    this.columns.addMark(at, kind, told);
  }
}

function kindOf(message: Sealed): unknown {
  return "kind" in message ? message.kind : "message";
}
