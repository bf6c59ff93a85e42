// Whether a leader serves as well as others would: after Aardvark (Clement et al., "Making
// Byzantine Fault Tolerant Systems Tolerate Byzantine Faults", NSDI '09), which asks of a primary
// 0.9 of the best throughput of the last n views, and raises that until it fails. Here a leader is
// judged only while requests wait, so that none is left for want of them.

import type { Signer } from "../../actor.ts";
import type { ProtocolConfig, ProtocolOption } from "../../protocol-config.ts";

/** A leader is judged over windows of so many view timeouts. */
const WINDOW = 2;
/** How long requests that the leader was told of may wait on average, in view timeouts. */
const MEAN_WAIT = 1 / 8;
/** The share of the best service that a leader owes. */
const SHARE = 1 / 4;
/** Windows in succession in which requests wait before a leader is left: one may be bad luck. */
const WINDOWS = 2;

/** What was ordered, in all or in a millisecond: operations, and bytes of them. */
export interface Ordered {
  readonly operations: number;
  readonly bytes: number;
}

const NOTHING: Ordered = { operations: 0, bytes: 0 };

export const slowLeader: ProtocolOption = {
  values: ["leave", "keep"],
  description: "leave or keep a leader that serves less than others",
  configure: (value, config) => ({ ...config, keepsSlowLeaders: value === "keep" }),
};

type Config = Pick<ProtocolConfig, "n" | "f" | "viewTimeoutMs" | "keepsSlowLeaders">;

/**
 * What one replica knows of the service that leaders give. Requests *wait* in a window if those
 * that clients sent here did so for longer than MEAN_WAIT on average after the leader was told of
 * them, which by Little's law is the sum of their times over the number of operations ordered. If
 * they do in WINDOWS in succession the leader is slow that
 *
 * - ordered less than SHARE of the best window of any leader's latest tenure, in operations and in
 *   bytes;
 * - or was slow from the start, perhaps, because fewer than f others have led while requests
 *   waited: of f + 1 leaders one is correct.
 *
 * So a cluster that gets slower by itself settles after n views at the latest, because each tenure
 * takes the place of that leader's last one, and one that has too many clients after f. A leader
 * that orders nothing is left to view timers.
 */
export class ServiceLevel {
  readonly #f: number;
  readonly #enabled: boolean;
  readonly #windowMs: number;
  readonly #waitMs: number;
  /** By leader, the best window of its latest tenure, in a millisecond. */
  readonly #best: Ordered[];
  /** Leaders in whose latest tenure requests waited. */
  readonly #tried = new Set<Signer>();
  #leader: Signer = 0;
  #startMs = 0;
  /** What had been ordered when the window began. */
  #before = NOTHING;
  /** Requests that wait, since when they are so many, and the sum of their times in the window. */
  #waiting = 0;
  #sinceMs = 0;
  #waitedMs = 0;
  /** Windows in succession in which requests waited. */
  #windows = 0;
  #slow = false;

  /** Replicas tell their leader of requests that they heard so many view timeouts ago. */
  constructor({ n, f, viewTimeoutMs, keepsSlowLeaders = false }: Config, toldAfter: number) {
    this.#f = f;
    this.#enabled = !keepsSlowLeaders;
    this.#windowMs = WINDOW * viewTimeoutMs;
    this.#waitMs = (toldAfter + MEAN_WAIT) * viewTimeoutMs;
    this.#best = new Array<Ordered>(n).fill(NOTHING);
  }

  /** Whether the leader gave too little in the last window. */
  get slow(): boolean {
    return this.#slow;
  }

  /** A leader's tenure begins; `ordered` is the sum so far. */
  begin(leader: Signer, nowMs: number, ordered: Ordered): void {
    this.#leader = leader;
    this.#best[leader] = NOTHING;
    this.#tried.delete(leader);
    this.#windows = 0;
    this.#slow = false;
    this.#restart(nowMs, ordered);
  }

  /** How many requests wait, as it was told last. */
  get waiting(): number {
    return this.#waiting;
  }

  /** From now on so many requests wait that clients sent here. */
  wait(requests: number, nowMs: number): void {
    this.#waitedMs += this.#waiting * (nowMs - this.#sinceMs);
    this.#sinceMs = nowMs;
    this.#waiting = requests;
  }

  /** Judges the leader if a window is over; `ordered` is the sum so far. */
  judge(nowMs: number, ordered: Ordered): void {
    const lastedMs = nowMs - this.#startMs;
    if (!this.#enabled || lastedMs < this.#windowMs) return;
    this.wait(this.#waiting, nowMs);
    const count = ordered.operations - this.#before.operations;
    const here: Ordered = {
      operations: count / lastedMs,
      bytes: (ordered.bytes - this.#before.bytes) / lastedMs,
    };
    const known = this.#best[this.#leader] ?? NOTHING;
    this.#best[this.#leader] = bestOf(known, here);
    // Half a request at each time, at least: else one that was lost tells nothing of a leader.
    const enough = this.#waitedMs >= lastedMs / 2;
    const waits = count > 0 && enough && this.#waitedMs > count * this.#waitMs;
    this.#windows = waits ? this.#windows + 1 : 0;
    if (waits) this.#tried.add(this.#leader);
    const untried = this.#tried.size - 1 < this.#f;
    this.#slow = this.#windows >= WINDOWS && (untried || this.#isWorse(here));
    this.#restart(nowMs, ordered);
  }

  /** Whether it is less than SHARE of what leaders gave. */
  #isWorse(here: Ordered): boolean {
    const best = this.#best.reduce(bestOf);
    return here.operations < SHARE * best.operations && here.bytes < SHARE * best.bytes;
  }

  #restart(nowMs: number, { operations, bytes }: Ordered): void {
    this.#startMs = nowMs;
    this.#before = { operations, bytes };
    this.#sinceMs = nowMs;
    this.#waitedMs = 0;
  }
}

function bestOf(a: Ordered, b: Ordered): Ordered {
  return {
    operations: Math.max(a.operations, b.operations),
    bytes: Math.max(a.bytes, b.bytes),
  };
}
