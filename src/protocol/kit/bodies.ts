// Bodies of requests, which travel apart from proposals (Castro and Liskov, TOCS '02, section 5.1,
// "separate request transmission"): a proposal names them by digest, and goes on to its protocol
// whole, as if it had come so, once they are here.

import type { Address, Bodies, BodiesHost, BodiesMaker, Bytes } from "../../actor.ts";
import type { Signer, Sizes } from "../../actor.ts";
import { BODIES, FETCH_BODIES, NAMED, type BodyPlace } from "../../base/body-form.ts";
import { coverageMark } from "../../base/coverage-mark.ts";
import type { ProtocolConfig, ProtocolOption } from "../../protocol-config.ts";
import { latin1, Reader } from "../../wire.ts";
import { TIMER_SLACK_MS } from "./backoff.ts";
import { BATCH_BYTES_MAX } from "./batch.ts";
import { BodyStore } from "./body-store.ts";
import { DIGEST_LENGTH, digestOf } from "./digest.ts";
import { HeldMessages, type Held } from "./held-messages.ts";
import {
  nameable,
  NAMED_MAX,
  nameBodies,
  readNamed,
  wholeOf,
  type NamedMessage,
} from "./named-message.ts";
import { ANSWER_PAUSE, AnswerRate, ASKED_TOO_MUCH, PeerRotation } from "./peers.ts";
import { OPERATION_MAX } from "./request.ts";
import { relayerOf, type Holder } from "./shares.ts";

/**
 * How long a body may be late before it is asked for, in view timeouts; each further pause is twice
 * the one before, as often as that may double.
 */
const FETCH_PAUSE = 1 / 32;
const DOUBLINGS_MAX = 3;
/** How long a message waits for bodies, in view timeouts: by then its sender is suspected. */
const HELD_TIMEOUTS = 2;
/** How long bodies are kept, in view timeouts: longer than anybody asks for them. */
const KEPT_TIMEOUTS = 4;
/** Bytes of bodies in an answer, but for one that is larger. */
const ANSWER_BYTES_MAX = BATCH_BYTES_MAX;

export const requests: ProtocolOption = {
  values: ["direct", "broadcast"],
  description: "requests from 1 KiB go to the leader, or to all",
  configure: (value, config) => ({ ...config, broadcastsRequests: value === "broadcast" }),
};

type Config = Pick<ProtocolConfig, "n" | "viewTimeoutMs" | "broadcastsRequests">;

/** What makes that of a node; null for clients, and where requests are not broadcast. */
export function bodiesOf(
  config: Config,
  self: Signer | null,
  Kind: typeof BodyExchange = BodyExchange,
): BodiesMaker | null {
  if (config.broadcastsRequests !== true || self === null) return null;
  return (host) => new Kind(self, config, host);
}

/**
 * Names bodies in what this replica sends, and completes what others send. Missing bodies are asked
 * for by digest, of who named them first, then of the others in turn; whoever named them has them,
 * and so has every replica that completed a message with them.
 */
export class BodyExchange implements Bodies {
  readonly #self: Signer;
  readonly #n: number;
  readonly #host: BodiesHost;
  readonly #pauseMs: number;
  readonly #heldMs: number;
  readonly #peers: PeerRotation;
  readonly #answers: AnswerRate;
  readonly #store: BodyStore;
  readonly #held: HeldMessages;
  /** Of bodies that were hashed as they came. */
  readonly #digests = new WeakMap<Bytes, Bytes>();
  /** Whether its timer is set. */
  #armed = false;

  constructor(self: Signer, config: Config, host: BodiesHost, Held = HeldMessages) {
    const { n, viewTimeoutMs } = config;
    this.#self = self;
    this.#n = n;
    this.#host = host;
    this.#pauseMs = FETCH_PAUSE * viewTimeoutMs;
    this.#heldMs = HELD_TIMEOUTS * viewTimeoutMs;
    this.#peers = new PeerRotation(self, n);
    this.#answers = new AnswerRate({ n, pauseMs: ANSWER_PAUSE * viewTimeoutMs });
    this.#store = new BodyStore(KEPT_TIMEOUTS * viewTimeoutMs);
    this.#held = new Held();
  }

  get sizes(): Sizes {
    return [...this.#held.sizes, ...this.#store.sizes];
  }

  name(whole: Bytes, places: readonly BodyPlace[]): Bytes | null {
    const named = nameable(places);
    if (named.length === 0) return null;
    for (const { body } of named) {
      this.#keep(latin1(this.#digestIn(body)), body, relayerOf(this.#self));
    }
    return nameBodies(whole, named, (body) => this.#digestIn(body));
  }

  hear(body: Bytes, source: number): void {
    const key = latin1(this.#digestIn(body));
    this.#keep(key, body, source);
    if (this.#held.size === 0) return;
    const { whole } = this.#held.fill(key, body);
    if (whole.length > 0) coverageMark("bodies: one came behind what names it");
    for (const held of whole) this.#release(held);
  }

  take(from: Address, input: Reader): void {
    if (from >= this.#n) return this.#host.drop("from a stranger");
    switch (input.u8()) {
      case NAMED:
        return this.#onNamed(from, input);
      case FETCH_BODIES:
        return this.#onFetch(from, input);
      case BODIES:
        return this.#onBodies(input);
    }
  }

  timeout(): void {
    this.#armed = false;
    this.ask();
    if (this.#held.size > 0) this.#arm();
  }

  clear(): void {
    this.#armed = false;
    this.#held.clear();
    this.#store.clear();
  }

  #digestIn(body: Bytes): Bytes {
    const known = this.#digests.get(body);
    if (known !== undefined) return known;
    const digest = digestOf(body);
    this.#digests.set(body, digest);
    return digest;
  }

  #keep(key: string, body: Bytes, holder: Holder): void {
    this.#store.keep(key, body, holder, this.#host.now);
  }

  // Messages that name bodies.

  #onNamed(from: Signer, input: Reader): void {
    const named = readNamed(input);
    if (named === null) return this.#host.drop("malformed");
    const found = this.findIn(named);
    const missing = named.bodies.filter((_, i) => found[i] === undefined).map(({ key }) => key);
    const { now } = this.#host;
    const held = {
      ...{ from, named, found, missing: new Set(missing), book: input.book },
      ...{ sinceMs: now, askMs: now + this.#pauseMs, asked: 0 },
    };
    if (missing.length === 0) return this.#release(held);
    coverageMark("bodies: a message waits for some");
    this.#held.add(held);
    this.#arm();
  }

  /** Those that are here, in their order. */
  protected findIn({ bodies }: NamedMessage): (Bytes | undefined)[] {
    return bodies.map(({ key, length }) => {
      const body = this.#store.get(key);
      return body?.length === length ? body : undefined;
    });
  }

  #release({ from, named, found, book }: Held): void {
    const bodies = found.filter((body) => body !== undefined);
    for (const [i, { key }] of named.bodies.entries()) {
      const body = bodies[i];
      if (body !== undefined) this.#keep(key, body, relayerOf(from));
    }
    this.#host.deliver(from, new Reader(wholeOf(named, bodies), book));
  }

  // Missing ones.

  #arm(): void {
    if (this.#armed) return;
    this.#armed = true;
    this.#host.setTimer(this.#pauseMs);
  }

  /** Asks for what is missing; forgets what waited too long. */
  protected ask(): void {
    const { now } = this.#host;
    for (const held of this.#held.values()) {
      if (now - held.sinceMs >= this.#heldMs) {
        this.#held.forget(held);
        this.#host.drop("not admitted: message whose bodies did not come");
      } else if (now >= held.askMs - TIMER_SLACK_MS) {
        this.#askFor(held);
      }
    }
  }

  #askFor(held: Held): void {
    const { named, missing } = held;
    coverageMark("bodies: missing ones are asked for");
    const to = held.asked === 0 ? held.from : this.#peers.next();
    held.asked++;
    held.askMs = this.#host.now + this.#pauseMs * 2 ** Math.min(held.asked, DOUBLINGS_MAX);
    const wanted = new Map(named.bodies.map(({ key, digest }) => [key, digest]));
    this.#host.send(to, (out) => {
      out.u8(FETCH_BODIES);
      out.u16(missing.size);
      for (const [key, digest] of wanted) if (missing.has(key)) out.bytes(digest);
    });
  }

  #onFetch(from: Signer, input: Reader): void {
    const count = input.u16();
    const digests: string[] = [];
    while (digests.length < Math.min(count, NAMED_MAX) && input.ok) {
      digests.push(latin1(input.bytes(DIGEST_LENGTH)));
    }
    const [first] = digests;
    if (first === undefined || !input.done) return this.#host.drop("malformed");
    const found: Bytes[] = [];
    let bytes = 0;
    for (const digest of digests) {
      const body = this.#store.get(digest);
      if (body === undefined) continue;
      bytes += body.length;
      if (found.length > 0 && bytes > ANSWER_BYTES_MAX) break;
      found.push(body);
    }
    if (found.length === 0) {
      return this.#host.drop("not admitted: question for bodies that are not here");
    }
    const { now } = this.#host;
    const question = `${count} ${first}`;
    if (!this.#answers.allows(from, question, now)) return this.#host.drop(ASKED_TOO_MUCH);
    this.#answers.begin(from, question, now);
    this.#answers.charge(from, bytes);
    this.#host.send(from, (out) => {
      out.u8(BODIES);
      out.u16(found.length);
      for (const body of found) out.blob(body);
    });
  }

  /** Whoever sent them: each is what its digest says, and none is taken that is not missing. */
  #onBodies(input: Reader): void {
    const count = input.u16();
    const bodies: Bytes[] = [];
    if (count > NAMED_MAX || this.#held.size === 0) {
      return this.#host.drop("not admitted: bodies that are not missing");
    }
    while (bodies.length < count && input.ok) bodies.push(input.blob(OPERATION_MAX));
    if (!input.done) return this.#host.drop("malformed");
    const ready: Held[] = [];
    let wanted = false;
    for (const body of bodies) {
      for (const key of this.keysOf(body, this.#held)) {
        const filled = this.#held.fill(key, body);
        wanted ||= filled.wanted;
        ready.push(...filled.whole);
      }
    }
    if (!wanted) return this.#host.drop("not admitted: bodies that are not missing");
    coverageMark("bodies: missing ones are fetched");
    for (const held of ready) this.#release(held);
  }

  /** The digests that a body which was fetched stands for. */
  protected keysOf(body: Bytes, _held: HeldMessages): readonly string[] {
    return [latin1(digestOf(body))];
  }
}
