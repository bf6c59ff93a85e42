// How leaders did in their turns, where each view has another one: a leader that failed, or was
// slow, costs the others nothing but its own turns until it has shown for long that it is there.

import type { Signer } from "../../actor.ts";
import type { ProtocolConfig } from "../../protocol-config.ts";

/** A turn is timely within so many times the usual one, and this share of a view timeout. */
const TIMELY_TURNS = 4;
const TIMELY_SHARE = 1 / 32;
/** By how much the usual turn follows each turn, so that it is about the median. */
const STEP = 1 / 16;
/** Late turns in succession that are as bad as one that failed. */
const LATE_TURNS = 3;
/** Timely turns that a leader owes after its first failure; each further one doubles them. */
const OWED_TURNS = 16;
const OWED_DOUBLINGS = 12;
/** Timely turns after which a failure is forgotten. */
const FORGOTTEN_TURNS = 512;

interface Standing {
  /** Timely turns until it is waited for again. */
  owed: number;
  failures: number;
  /** Late turns in succession; timely ones since it owed nothing, or a failure was forgotten. */
  late: number;
  timely: number;
}

const NEW: Standing = { owed: 0, failures: 0, late: 0, timely: 0 };

type Config = Pick<
  ProtocolConfig,
  "n" | "f" | "viewTimeoutMs" | "tenure" | "reputation" | "keepsSlowLeaders"
>;

/**
 * What one replica knows of turns, which is a matter of liveness alone: what it skips it has given
 * up by TIMEOUT, like any view. At most f leaders are skipped at a time, those that owe most, so
 * that n - f are waited for as ever. A leader whose turn is skipped may propose all the same, and
 * pays what it owes that way.
 */
export class Turns {
  readonly #f: number;
  readonly #enabled: boolean;
  readonly #viewTimeoutMs: number;
  readonly #standings: readonly Standing[];
  #skipped: readonly Signer[] = [];
  #usualMs: number;

  constructor({ n, f, viewTimeoutMs, tenure = 1, ...others }: Config) {
    this.#f = f;
    // By reputation who failed leads no more, and nobody else is skipped.
    const { reputation = false, keepsSlowLeaders = false } = others;
    this.#enabled = tenure === 1 && !reputation && !keepsSlowLeaders;
    this.#viewTimeoutMs = viewTimeoutMs;
    this.#usualMs = viewTimeoutMs * TIMELY_SHARE;
    this.#standings = Array.from({ length: n }, () => ({ ...NEW }));
  }

  /** How long a turn may take and be timely, in milliseconds. */
  get timelyMs(): number {
    return TIMELY_TURNS * this.#usualMs + TIMELY_SHARE * this.#viewTimeoutMs;
  }

  /** Whether nobody waits for this leader. */
  skips(leader: Signer): boolean {
    return this.#skipped.includes(leader);
  }

  /** The leader has proposed, so long after it could have. */
  onTurn(leader: Signer, tookMs: number): void {
    const standing = this.#standings[leader];
    if (!this.#enabled || standing === undefined) return;
    const timely = tookMs <= this.timelyMs;
    const next = this.#usualMs * (tookMs > this.#usualMs ? 1 + STEP : 1 - STEP);
    this.#usualMs = Math.min(Math.max(next, this.#viewTimeoutMs / 1024), this.#viewTimeoutMs);
    standing.late = timely ? 0 : standing.late + 1;
    if (standing.late === LATE_TURNS) this.onFailure(leader);
    else if (timely) this.#pay(standing);
  }

  /** The leader has proposed although its turn was skipped. */
  onSkipped(leader: Signer): void {
    const standing = this.#standings[leader];
    if (standing !== undefined) this.#pay(standing);
  }

  /** The leader's view was given up by a quorum. */
  onFailure(leader: Signer): void {
    const standing = this.#standings[leader];
    if (!this.#enabled || standing === undefined) return;
    standing.late = 0;
    standing.timely = 0;
    standing.owed = OWED_TURNS * 2 ** Math.min(standing.failures++, OWED_DOUBLINGS);
    this.#choose();
  }

  #pay(standing: Standing): void {
    if (standing.owed > 0) {
      standing.owed--;
      if (standing.owed === 0) this.#choose();
    } else if (standing.failures > 0 && ++standing.timely === FORGOTTEN_TURNS) {
      standing.timely = 0;
      standing.failures--;
    }
  }

  #choose(): void {
    const owing = [...this.#standings.entries()].filter(([, { owed }]) => owed > 0);
    owing.sort(([a, one], [b, other]) => other.owed - one.owed || a - b);
    this.#skipped = owing.slice(0, this.#f).map(([leader]) => leader);
  }
}
