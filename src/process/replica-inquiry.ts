// Asks replicas what they run, until all have told, and keeps a client's process from measuring
// anything else.

import { assert } from "../base/assert.ts";
import type { Address, Bytes } from "../actor.ts";
import type { Clock } from "../driver.ts";
import { parseReplicaSetting, type ReplicaSetting } from "../evaluation/replica-setting.ts";
import {
  agreed,
  contradiction,
  differences,
  settle,
  type SharedSetting,
  type Told,
} from "../evaluation/replicas-told.ts";
import { NONCE_LENGTH, type Inquiries } from "../transport/inquiry.ts";

/** When a replica that told nothing is asked again; the delay doubles up to the largest one. */
const RETRY_MS = 20;
const RETRY_MAX_MS = 500;
/** With all but f answers, how long to wait for the others; and how long to wait for so many. */
const REST_MS = 100;
const PATIENCE_MS = 1000;

export interface ReplicaInquiryOptions {
  readonly inquiries: Pick<Inquiries, "ask" | "listen">;
  readonly clock: Clock;
  readonly n: number;
  readonly f: number;
  /** A uniform integer in [0, bound). */
  readonly random: (bound: number) => number;
  /** Told why an answer is none. */
  readonly drop: (reason: string) => void;
}

/** Of options. */
interface Names {
  has(name: string): boolean;
}

export class ReplicaInquiry {
  readonly #options: ReplicaInquiryOptions;
  readonly #told: (ReplicaSetting | null)[];
  /** For each replica: only who sees what was sent to it can answer for it. */
  readonly #nonces: readonly Bytes[];
  readonly #startMs: number;
  #count = 0;
  /** What clients were told by their command line, and what they began with; null before. */
  #clients: {
    readonly own: SharedSetting;
    readonly given: Names;
    readonly begun: SharedSetting;
  } | null = null;
  #refusal: string | null = null;
  readonly #warned = new Set<string>();
  #enoughMs = Infinity;
  #delayMs = RETRY_MS;

  /** Begins to ask, as soon as the clock fires. */
  constructor(options: ReplicaInquiryOptions) {
    const { inquiries, clock, n, random } = options;
    this.#options = options;
    this.#told = new Array<null>(n).fill(null);
    this.#nonces = this.#told.map(() =>
      Uint8Array.from({ length: NONCE_LENGTH }, () => random(256)),
    );
    this.#startMs = clock.now;
    inquiries.listen((from, nonce, text) => this.#onAnswer(from, nonce, text));
    clock.after(0, () => this.#ask());
  }

  /** By the index of a replica; it grows. */
  get told(): Told {
    return this.#told;
  }
  /** Why clients that settled measure something else than they think; null: they do not. */
  get refusal(): string | null {
    return this.#refusal;
  }

  /** Whether there is reason to wait before clients begin: who is down tells nothing. */
  get waits(): boolean {
    const { clock, n } = this.#options;
    if (this.#count === n) return false;
    const untilMs = Math.min(this.#startMs + PATIENCE_MS, this.#enoughMs + REST_MS);
    return clock.now < untilMs;
  }

  /** What a single replica says against it, which may lie. */
  get doubt(): string | null {
    return this.#clients === null ? null : contradiction(this.#told, this.settled, 1);
  }

  /** The application that clients ask for: their own if they were told one. */
  appOf(own: string | undefined): string {
    return own ?? agreed(this.#told, this.#options.f, ({ app }) => app) ?? "null";
  }

  /** What clients begin with: what `given` does not have, as replicas tell it. */
  settle(own: SharedSetting, given: Names): SharedSetting {
    const begun = settle(own, given, this.#told);
    this.#clients = { own, given, begun };
    this.#judge();
    return begun;
  }

  /**
   * What clients turn out to have run: some replicas tell late what was not given, and only the
   * application changes what clients ask.
   */
  get settled(): SharedSetting {
    assert(this.#clients !== null, "clients settle before they are asked");
    const { own, given, begun } = this.#clients;
    return { ...settle(own, given, this.#told), app: begun.app };
  }

  /** Lines that were not asked for before, in which replicas differ. */
  warnings(): readonly string[] {
    const fresh = differences(this.#told).filter((line) => !this.#warned.has(line));
    for (const line of fresh) this.#warned.add(line);
    return fresh;
  }

  #judge(): void {
    if (this.#clients !== null) this.#refusal ??= contradiction(this.#told, this.settled);
  }

  #ask(): void {
    const { inquiries, clock, n } = this.#options;
    if (this.#count === n) return;
    for (const [replica, setting] of this.#told.entries()) {
      const nonce = this.#nonces[replica];
      if (setting === null && nonce !== undefined) inquiries.ask(replica, nonce);
    }
    clock.after(this.#delayMs, () => this.#ask());
    this.#delayMs = Math.min(2 * this.#delayMs, RETRY_MAX_MS);
  }

  #onAnswer(from: Address, nonce: Bytes, text: Bytes): void {
    const { n, f, clock, drop } = this.#options;
    const expected = this.#nonces[from];
    if (expected === undefined || !Bun.deepEquals(nonce, expected)) {
      drop("answer to no inquiry");
      return;
    }
    if (this.#told[from] !== null) return;
    const setting = parseReplicaSetting(new TextDecoder().decode(text));
    if ("wrong" in setting) {
      drop("malformed answer to an inquiry");
      return;
    }
    this.#told[from] = setting;
    this.#count++;
    if (this.#count >= n - f) this.#enoughMs = Math.min(this.#enoughMs, clock.now);
    this.#judge();
  }
}
