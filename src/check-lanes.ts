// Where messages wait for their signatures to be checked. Each replica has a lane of its own, all
// others share one, and lanes take turns: whoever sends forgeries, or has them sent in its name,
// holds up itself. In the lane that they share strangers' hosts take turns (stranger-turns.ts).

import {
  NO_PROOFS,
  UNNEEDED,
  type Address,
  type Admission,
  type Bytes,
  type Proof,
  type Sizes,
} from "./actor.ts";
import { assert } from "./base/assert.ts";
import { Queue } from "./base/queue.ts";
import { CHECK, PROTOCOL, SECTION } from "./base/sections.ts";
import { countDrop, type Clock, type Drops, type Stage } from "./driver.ts";
import { StrangerTurns } from "./stranger-turns.ts";

/** Checks with the stage at a time. */
const CHECKS_MAX = 8;
/** Messages of one replica, or of all others together, that wait for a check, and their bytes. */
const LANE_MESSAGES_MAX = 256;
/** Messages of all others where clients sign requests: as many may ask at once. */
const CLIENTS_MAX = 4096;
const LANE_BYTES_MAX = 8 * 1024 * 1024;
/** Checks in a row that hold, after which a sender's signatures are not doubted any more. */
const DOUBTED_CHECKS = 64;
/**
 * Checks of one lane at once, and a millisecond, beyond which further ones are doubted: a fifth of
 * a thread's time, which no honest replica needs, because signatures that hold take time as well.
 */
const CREDIT_MAX = 1024;
const CREDIT_A_MS = 5;

/** In place of a stranger's host. */
const A_REPLICA = -1;

export interface CheckLanesOptions<M> {
  /** Replicas have the addresses 0..n-1. */
  readonly n: number;
  readonly stage: Stage;
  /** The host of an address, as of Host. */
  readonly sourceOf: (address: Address) => number;
  /** Whether clients sign requests. */
  readonly requestsSigned: boolean;
  /** The domain of the run that the node is in now, for the stage. */
  readonly run: () => Bytes | null;
  readonly clock: Pick<Clock, "now">;
  readonly drops: Drops;
  readonly sections: Int32Array;
  /** Why a message need not be checked any more, if that is so. */
  readonly admits: (from: Address, message: M) => Admission;
  /** The message without what need not be checked. */
  readonly bare: (message: M) => M;
  /** All its signatures hold. */
  readonly receive: (from: Address, message: M) => void;
}

/** A replica's, or what all others share. */
interface Lane {
  readonly name: "replica" | "strangers";
  readonly max: number;
  messages: number;
  bytes: number;
  /** Checks that must hold until its signatures are not doubted; 0: they are not. */
  doubts: number;
  /** Checks that it may still have at once, and since when. */
  credit: number;
  sinceMs: number;
}

/** The messages of one sender, in order of arrival; the first of them may be with the stage. */
interface SenderQueue<M> {
  readonly from: Address;
  /** Of a stranger its host, else A_REPLICA. */
  readonly source: number;
  readonly lane: Lane;
  readonly waiting: Queue<Waiting<M>>;
  /** One of them is with the stage. */
  checking: boolean;
}

interface Waiting<M> {
  readonly message: M;
  readonly proofs: readonly Proof[];
  readonly bytes: number;
}

export class CheckLanes<M> {
  readonly #options: CheckLanesOptions<M>;
  readonly #replicas: readonly Lane[];
  readonly #strangers: Lane;
  /** Senders one of whose messages waits or is being checked. */
  readonly #senders = new Map<Address, SenderQueue<M>>();
  /** Senders whose next check may start, in the order of turns: one stranger at most. */
  readonly #ready = new Queue<SenderQueue<M>>();
  /**
   * Strangers whose turn comes within their lane's; null until there are some: a client makes lanes
   * for each root that it does not know.
   */
  #turnsOfHosts: StrangerTurns<SenderQueue<M>> | null = null;
  /** Whether a stranger is ready, or being checked. */
  #strangerServed = false;
  #checking = 0;

  constructor(options: CheckLanesOptions<M>) {
    this.#options = options;
    const { now } = options.clock;
    const replica = (): Lane => laneOf("replica", LANE_MESSAGES_MAX, now);
    this.#replicas = Array.from({ length: options.n }, replica);
    const strangersMax = options.requestsSigned ? CLIENTS_MAX : LANE_MESSAGES_MAX;
    this.#strangers = laneOf("strangers", strangersMax, now);
  }

  /** Whether nothing of any sender waits, so that what needs no check need not wait either. */
  get idle(): boolean {
    return this.#senders.size === 0;
  }

  /** Whether it is as it was when it was made. */
  get asNew(): boolean {
    if (!this.idle) return false;
    for (const lane of this.#replicas) if (!this.#isAsNew(lane)) return false;
    return this.#isAsNew(this.#strangers);
  }

  #isAsNew(lane: Lane): boolean {
    if (lane === this.#strangers && this.#turnsOfHosts?.asNew === false) return false;
    return !this.#doubts(lane, A_REPLICA, NO_PROOFS) && lane.credit === CREDIT_MAX;
  }

  /** Queues with their maxima. */
  get sizes(): Sizes {
    let messages = 0;
    let bytes = 0;
    for (const lane of this.#replicas) {
      messages = Math.max(messages, lane.messages);
      bytes = Math.max(bytes, lane.bytes);
    }
    const { messages: strangers, bytes: strangerBytes } = this.#strangers;
    return [
      { name: "node.checking", size: this.#checking, max: CHECKS_MAX },
      { name: "node.lane", size: messages, max: LANE_MESSAGES_MAX },
      { name: "node.lane.bytes", size: bytes, max: LANE_BYTES_MAX },
      { name: "node.strangers", size: strangers, max: this.#strangers.max },
      { name: "node.strangers.bytes", size: strangerBytes, max: LANE_BYTES_MAX },
      // Each has a message that waits, but for those whose last one is with the stage.
      { name: "node.senders", size: this.#senders.size, max: this.#sendersMax },
    ];
  }

  get #sendersMax(): number {
    return this.#replicas.length + this.#strangers.max + 1;
  }

  /** Passes a message on once its signatures hold, behind what else waits of its sender. */
  take(from: Address, message: M, proofs: readonly Proof[], bytes: number): void {
    const { drops } = this.#options;
    const lane = this.#replicas[from] ?? this.#strangers;
    let queue = this.#senders.get(from);
    if (queue === undefined) {
      if (proofs.length === 0) return this.#receive(from, message);
      const source = lane === this.#strangers ? this.#options.sourceOf(from) : A_REPLICA;
      // Most checks end at once, since the root is known, and then need no queue.
      const now = this.#mayCheckNow(lane);
      if (now && this.#checkNow(from, source, lane, message, proofs)) return;
      if (!now && this.#knows(proofs)) return this.#receive(from, message);
      if (!now && !this.#makeRoom(lane, source, bytes)) return countDrop(drops, FULL[lane.name]);
      queue = { from, source, lane, waiting: new Queue(), checking: now };
      this.#senders.set(from, queue);
      if (now) return;
      this.#wait(queue, { message, proofs, bytes });
      this.#makeReady(queue);
      return this.#serve();
    }
    if (proofs.length > 0 && this.#doubts(lane, queue.source, proofs) && this.#knows(proofs)) {
      // A flood in a replica's name does not hold up what is known to be its own.
      return this.#receive(from, message);
    }
    if (!this.#makeRoom(lane, queue.source, bytes)) return countDrop(drops, FULL[lane.name]);
    this.#wait(queue, { message, proofs, bytes });
    this.#serve();
  }

  get #turns(): StrangerTurns<SenderQueue<M>> {
    this.#turnsOfHosts ??= new StrangerTurns(DOUBTED_CHECKS);
    return this.#turnsOfHosts;
  }

  #wait(queue: SenderQueue<M>, waiting: Waiting<M>): void {
    const { lane } = queue;
    queue.waiting.push(waiting);
    lane.messages++;
    lane.bytes += waiting.bytes;
    if (lane === this.#strangers) this.#turns.add(queue, waiting.bytes);
  }

  /** The oldest that waits of the sender, which does not wait any more. */
  #next(queue: SenderQueue<M>): Waiting<M> | undefined {
    const head = queue.waiting.shift();
    if (head === undefined) return undefined;
    const { lane } = queue;
    lane.messages--;
    lane.bytes -= head.bytes;
    if (lane === this.#strangers) this.#turns.remove(queue, head.bytes);
    return head;
  }

  /**
   * Whether there is room for so many bytes more of the lane: among strangers the host that has
   * most of it gives way.
   */
  #makeRoom(lane: Lane, source: number, bytes: number): boolean {
    while (isFull(lane, bytes)) {
      if (lane !== this.#strangers) return false;
      const by = lane.messages >= lane.max ? "messages" : "bytes";
      const greatest = this.#turns.greatest(source, bytes, by);
      if (greatest === undefined) return false;
      this.#next(greatest);
      countDrop(this.#options.drops, FULL[lane.name]);
      if (greatest.waiting.length > 0 || greatest.checking) continue;
      this.#senders.delete(greatest.from);
      this.#turns.leave(greatest);
    }
    return true;
  }

  #knows(proofs: readonly Proof[]): boolean {
    return this.#options.stage.knows(proofs, this.#options.run());
  }

  #mayCheckNow(lane: Lane): boolean {
    if (this.#ready.length > 0 || this.#checking >= CHECKS_MAX) return false;
    return lane !== this.#strangers || !this.#strangerServed;
  }

  /** Whether checks of the lane have to wait their turn though nothing else does. */
  #doubts(lane: Lane, source: number, proofs: readonly Proof[]): boolean {
    const { now } = this.#options.clock;
    lane.credit = Math.min(CREDIT_MAX, lane.credit + (now - lane.sinceMs) * CREDIT_A_MS);
    lane.sinceMs = now;
    const doubted = lane.doubts > 0 || this.#turnsOfHosts?.isDoubted(source) === true;
    return doubted || lane.credit < proofs.length;
  }

  /** Takes the lane's turn for one check; false if that takes longer than this call. */
  #checkNow(
    from: Address,
    source: number,
    lane: Lane,
    message: M,
    proofs: readonly Proof[],
  ): boolean {
    const stranger = lane === this.#strangers;
    if (stranger) this.#strangerServed = true;
    const finished = this.#check(from, source, lane, message, proofs);
    if (finished && stranger) this.#endStranger();
    return finished;
  }

  #receive(from: Address, message: M): void {
    const { receive, sections } = this.#options;
    sections[SECTION] = PROTOCOL;
    receive(from, message);
  }

  /** Lets a sender's next check start when its turn comes; strangers have one turn together. */
  #makeReady(queue: SenderQueue<M>): void {
    if (queue.lane !== this.#strangers) {
      this.#ready.push(queue);
    } else if (this.#strangerServed) {
      this.#turns.push(queue);
    } else {
      this.#strangerServed = true;
      this.#ready.push(queue);
    }
  }

  /** Starts checks, a lane after another, as many as may be with the stage at once. */
  #serve(): void {
    while (this.#checking < CHECKS_MAX) {
      const queue = this.#ready.shift();
      if (queue === undefined) return;
      this.#advance(queue);
    }
  }

  /** Passes on a sender's messages until one has to wait for its check. */
  #advance(queue: SenderQueue<M>): void {
    const { admits, bare, drops, sections } = this.#options;
    const { from, source, lane } = queue;
    for (;;) {
      const head = this.#next(queue);
      if (head === undefined) return this.#leave(queue);
      const { message, proofs } = head;
      if (proofs.length === 0) {
        this.#receive(from, message);
        continue;
      }
      sections[SECTION] = PROTOCOL;
      const admission = admits(from, message);
      if (admission === UNNEEDED) {
        this.#receive(from, bare(message));
        continue;
      }
      if (admission !== null) {
        countDrop(drops, admission);
        continue;
      }
      sections[SECTION] = CHECK;
      queue.checking = !this.#check(from, source, lane, message, proofs);
      if (queue.checking) return;
      if (lane === this.#strangers && queue.waiting.length > 0) return this.#passTurn(queue);
    }
  }

  /** A stranger goes on when the others have had their turn. */
  #passTurn(queue: SenderQueue<M>): void {
    this.#turns.push(queue);
    this.#endStranger();
  }

  /** Nothing of the sender waits any more. */
  #leave(queue: SenderQueue<M>): void {
    this.#senders.delete(queue.from);
    if (queue.lane !== this.#strangers) return;
    this.#turns.leave(queue);
    this.#endStranger();
  }

  /** The turn goes to the next stranger. */
  #endStranger(): void {
    this.#strangerServed = false;
    const next = this.#turnsOfHosts?.shift();
    if (next !== undefined) this.#makeReady(next);
  }

  /**
   * Has a message checked and passes it on if its signatures hold. False if that takes longer than
   * this call: then the sender's queue goes on afterwards.
   */
  #check(from: Address, source: number, lane: Lane, message: M, proofs: readonly Proof[]): boolean {
    const { stage, drops, sections } = this.#options;
    let atOnce = true;
    let finished = false;
    this.#checking++;
    const run = this.#options.run();
    const done = (valid: boolean): void => {
      this.#checking--;
      finished = true;
      if (lane === this.#strangers) this.#turns.judge(source, valid);
      else if (!valid) lane.doubts = DOUBTED_CHECKS;
      else if (lane.doubts > 0) lane.doubts--;
      if (!valid) countDrop(drops, "forged");
      else if (run !== null && run !== this.#options.run()) countDrop(drops, "of another run");
      else this.#receive(from, message);
      sections[SECTION] = CHECK;
      if (!atOnce) this.#goOn(from);
    };
    const before = stage.counts.verified;
    stage.verify(proofs, run, done, this.#doubts(lane, source, proofs));
    lane.credit -= stage.counts.verified - before;
    atOnce = false;
    return finished;
  }

  /** A sender's check has ended. */
  #goOn(from: Address): void {
    const queue = this.#senders.get(from);
    assert(queue !== undefined, "a queue lasts as long as its checks");
    queue.checking = false;
    if (queue.waiting.length === 0) {
      this.#leave(queue);
    } else if (queue.lane === this.#strangers) {
      this.#passTurn(queue);
    } else {
      this.#ready.push(queue);
    }
    this.#serve();
  }
}

const FULL = {
  replica: "too many to check",
  strangers: "too many of strangers to check",
} as const;

function laneOf(name: Lane["name"], max: number, sinceMs: number): Lane {
  return { name, max, messages: 0, bytes: 0, doubts: 0, credit: CREDIT_MAX, sinceMs };
}

function isFull({ max, messages, bytes }: Lane, more: number): boolean {
  return messages >= max || bytes + more > LANE_BYTES_MAX;
}
