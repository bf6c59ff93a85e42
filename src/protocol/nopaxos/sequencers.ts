// Which sequencer is heard, and how the leader of a view opens a session (docs/guarantees.md, N15
// and N17).

import type { Address, Sizes } from "../../actor.ts";
import { coverageMark } from "../../base/coverage-mark.ts";
import type {
  AliveMessage,
  SequencerHelloMessage,
  SessionOpenedMessage,
  Stamp,
} from "../kit/sequencing-messages.ts";
import type { NoPaxosContext } from "./context.ts";
import { isOf, type Stream } from "./stream.ts";

/** How long a sequencer counts as heard, in view timeouts. */
const HEARD_TIMEOUTS = 1 / 2;
/** Pauses between questions while a session is opened, and how long an answer counts. */
const OPEN_PAUSE = 1 / 16;
const ALIVE_TIMEOUTS = 1 / 4;

/** Where a session begins. */
export type Opened = Pick<Stream, "index" | "incarnation" | "first">;

/** What this asks of its replica. */
export interface SequencersOwner {
  readonly views: { readonly normal: boolean; suspect(): void };
}

interface Opening {
  readonly session: number;
  readonly done: (opened: Opened) => void;
}

export class Sequencers {
  protected readonly context: NoPaxosContext;
  readonly #owner: SequencersOwner;
  #stream: Stream | null = null;
  #heardMs = -Infinity;
  /** Whether the one that is heard has begun another life. */
  #lost = false;
  #opening: Opening | null = null;
  /** By index, what was answered last, and when. */
  readonly #alive: ({ readonly incarnation: number; readonly ms: number } | undefined)[];

  constructor(context: NoPaxosContext, owner: SequencersOwner) {
    this.context = context;
    this.#owner = owner;
    this.#alive = context.sequencers.map(() => undefined);
  }

  get sizes(): Sizes {
    const { length } = this.#alive;
    return [{ name: "sequencers.alive", size: length, max: length }];
  }
  /** The address of the one that is heard. */
  get address(): Address | undefined {
    return this.context.sequencers[this.#stream?.index ?? 0];
  }
  /** Whether the session goes on, as far as this replica knows. */
  get heard(): boolean {
    const { host, config } = this.context;
    if (this.#lost) return false;
    return host.now - this.#heardMs <= HEARD_TIMEOUTS * config.viewTimeoutMs;
  }

  /** A view with this session is entered, by who has opened it or not. */
  enter(stream: Stream, opened: boolean): void {
    const same = this.#stream !== null && isOf(stream, { ...this.#stream, number: 0 });
    if (!same) {
      this.#heardMs = opened ? this.context.host.now : -Infinity;
      this.#lost = false;
    }
    this.#stream = stream;
    this.stop();
  }

  onStamp(stamp: Stamp): void {
    if (this.#stream !== null && isOf(this.#stream, stamp)) this.#heardMs = this.context.host.now;
  }

  /** Asks the one that is heard whether it is there. */
  probe(): void {
    const { address } = this;
    if (address !== undefined) this.context.host.send(address, { kind: "probe" });
  }

  onAlive(from: Address, { incarnation, session, number }: AliveMessage): void {
    const { host, sequencers } = this.context;
    const index = sequencers.indexOf(from);
    if (index < 0) return;
    this.#alive[index] = { incarnation, ms: host.now };
    if (index === this.#stream?.index) {
      if (this.differs(incarnation)) this.#lose();
      else if (session !== null) this.onStamp({ session, incarnation, number });
    }
    if (index === this.#preferred(0)) this.#askOpen();
  }

  /** A sequencer is closed. */
  onHello(from: Address, { incarnation }: SequencerHelloMessage): void {
    const index = this.context.sequencers.indexOf(from);
    if (index >= 0 && index === this.#stream?.index && this.differs(incarnation)) this.#lose();
  }

  /** Whether this is another life than that which is heard. */
  protected differs(incarnation: number): boolean {
    return incarnation !== this.#stream?.incarnation;
  }

  #lose(): void {
    this.#lost = true;
    if (this.#owner.views.normal) {
      coverageMark("nopaxos: a sequencer has lost its session");
      this.#owner.views.suspect();
    }
  }

  // Opening.

  /** Has some sequencer begin this session; `done` is called once. */
  open(session: number, done: (opened: Opened) => void): void {
    const { host, sequencers } = this.context;
    this.#opening = { session, done };
    this.#alive.fill(undefined);
    for (const address of sequencers) host.send(address, { kind: "probe" });
    this.#arm();
  }

  stop(): void {
    this.#opening = null;
  }

  #arm(): void {
    const { host, config } = this.context;
    host.setTimer("open", OPEN_PAUSE * config.viewTimeoutMs);
  }

  /** Asks again. */
  onTimer(): void {
    if (this.#opening === null) return;
    const { host, sequencers } = this.context;
    for (const address of sequencers) host.send(address, { kind: "probe" });
    this.#askOpen();
    this.#arm();
  }

  /** The index of the `k`-th in the order of this session. */
  #preferred(k: number): number {
    return ((this.#opening?.session ?? 0) + k) % Math.max(1, this.#alive.length);
  }

  #askOpen(): void {
    const opening = this.#opening;
    if (opening === null) return;
    const { host, config, sequencers } = this.context;
    for (let k = 0; k < sequencers.length; k++) {
      const index = this.#preferred(k);
      const alive = this.#alive[index];
      const to = sequencers[index];
      if (alive === undefined || to === undefined) continue;
      if (host.now - alive.ms > ALIVE_TIMEOUTS * config.viewTimeoutMs) continue;
      const { session } = opening;
      return host.send(to, { kind: "openSession", session, incarnation: alive.incarnation });
    }
  }

  onOpened(from: Address, { session, incarnation, first }: SessionOpenedMessage): void {
    const { host, sequencers } = this.context;
    const opening = this.#opening;
    const index = sequencers.indexOf(from);
    if (index < 0 || opening === null || session !== opening.session) {
      return host.drop("not admitted: session that was not asked for");
    }
    coverageMark("nopaxos: a session is opened");
    this.#opening = null;
    opening.done({ index, incarnation, first });
  }
}
