// Asks replicas what they run, and processes of other roles, until all have told, and keeps a
// client's process from measuring anything else.

import { assert } from "../base/assert.ts";
import type { Address, Bytes } from "../actor.ts";
import type { Clock } from "../driver.ts";
import { parseReplicaSetting, type ReplicaSetting } from "../evaluation/replica-setting.ts";
import { parseRoleSetting, type RoleSetting } from "../evaluation/role-setting.ts";
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
  /** Of processes of other roles that can be asked, which nobody waits for (default: none). */
  readonly others?: readonly Address[];
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
  readonly #roles = new Map<Address, RoleSetting>();
  /** For each process: only who sees what was sent to it can answer for it. */
  readonly #nonces: ReadonlyMap<Address, Bytes>;
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
    const { inquiries, clock, n, others = [], random } = options;
    this.#options = options;
    this.#told = new Array<null>(n).fill(null);
    const nonce = (): Bytes => Uint8Array.from({ length: NONCE_LENGTH }, () => random(256));
    const asked = [...this.#told.keys(), ...others];
    this.#nonces = new Map(asked.map((address) => [address, nonce()]));
    this.#startMs = clock.now;
    inquiries.listen((from, nonce, text) => this.#onAnswer(from, nonce, text));
    clock.after(0, () => this.#ask());
  }

  /** By the index of a replica; it grows. */
  get told(): Told {
    return this.#told;
  }
  /** What those of the others told that did, by their addresses; it grows. */
  get toldByOthers(): ReadonlyMap<Address, RoleSetting> {
    return this.#roles;
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
    const { inquiries, clock } = this.#options;
    if (this.#count + this.#roles.size === this.#nonces.size) return;
    for (const [address, nonce] of this.#nonces) {
      if (!this.#hasTold(address)) inquiries.ask(address, nonce);
    }
    clock.after(this.#delayMs, () => this.#ask());
    this.#delayMs = Math.min(2 * this.#delayMs, RETRY_MAX_MS);
  }

  #hasTold(address: Address): boolean {
    return (this.#told[address] ?? null) !== null || this.#roles.has(address);
  }

  #onAnswer(from: Address, nonce: Bytes, text: Bytes): void {
    const { n, f, clock, drop } = this.#options;
    const expected = this.#nonces.get(from);
    if (expected === undefined || !Bun.deepEquals(nonce, expected)) {
      drop("answer to no inquiry");
      return;
    }
    if (this.#hasTold(from)) return;
    const told = new TextDecoder().decode(text);
    const setting = from < n ? parseReplicaSetting(told) : parseRoleSetting(told);
    if ("wrong" in setting) {
      drop("malformed answer to an inquiry");
      return;
    }
    if ("role" in setting) {
      this.#roles.set(from, setting);
      return;
    }
    this.#told[from] = setting;
    this.#count++;
    if (this.#count >= n - f) this.#enoughMs = Math.min(this.#enoughMs, clock.now);
    this.#judge();
  }
}
