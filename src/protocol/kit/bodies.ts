// Bodies of requests, which travel apart from proposals (Castro and Liskov, TOCS '02, section 5.1,
// "separate request transmission"): a proposal names them by digest, and goes on to its protocol
// whole, once they are here.

import type { Address, Bytes, Host, Refusal, Signer, Sizes } from "../../actor.ts";
import { coverageMark } from "../../base/coverage-mark.ts";
import type { ProtocolConfig, ProtocolOption } from "../../protocol-config.ts";
import { equal, latin1 } from "../../wire.ts";
import { TIMER_SLACK_MS } from "./backoff.ts";
import { namedOf, type Batch, type Lack } from "./batch.ts";
import { BodyStore, KEPT_BYTES_MAX } from "./body-store.ts";
import { BODIES_BYTES_MAX, type BodiesMessage, type FetchBodiesMessage } from "./body-messages.ts";
import type { RelayMessage, RequestMessage } from "./messages.ts";
import { ASKED_TOO_MUCH, PeerRotation, type AnswerRate } from "./peers.ts";
import type { RequestPool } from "./request-pool.ts";
import { digestIn, isBody, operationDigest, type Request } from "./request.ts";
import { WaitingProposals, wholeBatchOf, type Waiting } from "./waiting-proposals.ts";

/** How long a body may be late before it is asked for, and until it is again, in view timeouts. */
const FETCH_PAUSE = 1 / 32;
/** How long a proposal waits, in view timeouts: one that is sent again comes whole. */
const WAITING_TIMEOUTS = 2;

const STRANGER: Refusal = "not admitted: bodies, or a proposal without them, of a stranger";

export const requests: ProtocolOption = {
  values: ["direct", "broadcast"],
  description: "operations of 1 KiB on go to whoever orders, or to all",
  configure: (value, config) => ({ ...config, broadcastsBodies: value === "broadcast" }),
};

/** What a protocol says of its proposals. */
export interface ProposalForm<M> {
  /** What a message proposes that may come without bodies; null: nothing. */
  batchIn(message: M): Batch | null;
  /** The same proposal, with its batch in another form. */
  withBatch(message: M, batch: Batch): M;
}

/** Of messages that carry no batches without bodies. */
export const NO_PROPOSALS = { batchIn: () => null, withBatch: <M>(message: M) => message };

type BodyMessage = RequestMessage | RelayMessage | FetchBodiesMessage | BodiesMessage;

function concernsBodies(message: { readonly kind: string }): message is BodyMessage {
  const { kind } = message;
  return kind === "request" || kind === "relay" || kind === "fetchBodies" || kind === "bodies";
}

interface BodiesOptions<M> {
  readonly self: Signer;
  readonly config: Pick<ProtocolConfig, "n" | "viewTimeoutMs" | "broadcastsBodies">;
  readonly host: Pick<
    Host<FetchBodiesMessage | BodiesMessage, "bodies">,
    "now" | "send" | "drop" | "setTimer"
  >;
  readonly pool: Pick<RequestPool, "find">;
  readonly answers: AnswerRate;
  readonly form: ProposalForm<M>;
  /** Takes a proposal that waited, whole. */
  receive(from: Address, message: M): void;
}

/**
 * A replica votes for nothing before it has all bodies, because those that voted have to give them
 * to others. Bodies are those that clients sent, within the bounds of the pool, and those of
 * proposals, which are kept for a while. Missing ones are asked for by digest, of the proposer
 * first, then of the others in turn.
 */
export class Bodies<M extends { readonly kind: string }> {
  readonly #options: BodiesOptions<M>;
  readonly #pauseMs: number;
  readonly #waitingMs: number;
  readonly #peers: PeerRotation;
  readonly #waiting: WaitingProposals<M>;
  readonly #kept = new BodyStore();
  /** Whole by a request that came, of which the protocol is told first. */
  #ready: Waiting<M>[] = [];
  #armed = false;

  constructor(options: BodiesOptions<M>, Proposals: typeof WaitingProposals = WaitingProposals) {
    const { self, config } = options;
    this.#options = options;
    this.#pauseMs = FETCH_PAUSE * config.viewTimeoutMs;
    this.#waitingMs = WAITING_TIMEOUTS * config.viewTimeoutMs;
    this.#peers = new PeerRotation(self, config.n);
    this.#waiting = new Proposals<M>(config.n);
  }

  get sizes(): Sizes {
    const kept = { name: "bodies.kept bytes", size: this.#kept.bytes, max: KEPT_BYTES_MAX };
    return [...this.#waiting.sizes, kept];
  }

  /** The form in which a proposal that this replica makes leaves; sent again it is whole. */
  outgoing(message: M): M {
    const { config, form } = this.#options;
    const batch = config.broadcastsBodies === true ? form.batchIn(message) : null;
    if (batch === null) return message;
    const named = namedOf(batch);
    if (named === batch) return message;
    for (const request of batch.requests) {
      if (isBody(request.op)) this.#kept.keep(latin1(digestIn(request)), request.op);
    }
    return form.withBatch(message, named);
  }

  /** A message as its protocol is to get it; null: it was not for the protocol, or it waits. */
  admit(from: Address, message: M): M | null {
    if (concernsBodies(message)) return this.#take(from, message) ? null : message;
    const { form, host, config } = this.#options;
    const batch = form.batchIn(message);
    if (batch === null || batch.named === null) return message;
    const { whole, lacks } = batch.named;
    if (whole !== null) return form.withBatch(message, whole);
    const bodies = lacks.map((lack) => this.#find(batch.requests[lack.index], lack));
    if (bodies.every((body) => body !== undefined))
      return form.withBatch(message, wholeBatchOf({ batch, bodies }));
    if (from >= config.n) {
      host.drop(STRANGER);
      return null;
    }
    coverageMark("bodies: a proposal waits for bodies");
    this.#waiting.add(from, message, { batch, bodies }, host.now);
    this.#arm(this.#pauseMs);
    return null;
  }

  /** A body that its client sent, or that a proposal had, if it is the one that is named. */
  #find(request: Request | undefined, lack: Lack): Bytes | undefined {
    const key = latin1(lack.digest);
    const sent = request === undefined ? undefined : this.#options.pool.find(request);
    if (sent !== undefined && this.matches(sent, lack)) {
      this.#kept.keep(key, sent.op);
      return sent.op;
    }
    const kept = this.#kept.get(key);
    return kept?.length === lack.length ? kept : undefined;
  }

  /** Whether a request of the same name has the body that is named. */
  protected matches(request: Request, { digest, length }: Lack): boolean {
    return request.op.length === length && equal(digestIn(request), digest);
  }

  /** Takes what is for it alone; false if it is for the protocol. */
  #take(from: Address, message: BodyMessage): boolean {
    switch (message.kind) {
      case "fetchBodies":
        this.#onFetch(from, message);
        return true;
      case "bodies":
        this.#onBodies(from, message);
        return true;
      default:
        this.#hear(message.request);
        return false;
    }
  }

  /** A request came: a proposal may wait for its body. */
  #hear(request: Request): void {
    if (this.#waiting.size === 0 || !isBody(request.op)) return;
    const { whole } = this.#fill(digestIn(request), request.op);
    if (whole.length === 0) return;
    coverageMark("bodies: a body came behind its proposal");
    this.#ready.push(...whole);
    this.#arm(0);
  }

  #fill(digest: Bytes, body: Bytes): ReturnType<WaitingProposals<M>["fill"]> {
    const key = latin1(digest);
    const filled = this.#waiting.fill(key, body);
    if (filled.wanted) this.#kept.keep(key, body);
    return filled;
  }

  #release({ from, message, batch, bodies }: Waiting<M>): void {
    const { form, receive } = this.#options;
    receive(from, form.withBatch(message, wholeBatchOf({ batch, bodies })));
  }

  // Missing ones.

  #arm(delayMs: number): void {
    if (this.#armed && delayMs > 0) return;
    this.#armed = true;
    this.#options.host.setTimer("bodies", delayMs);
  }

  onTimer(): void {
    this.#armed = false;
    const ready = this.#ready;
    this.#ready = [];
    for (const waiting of ready) this.#release(waiting);
    this.ask();
    if (this.#waiting.size > 0) this.#arm(this.#pauseMs);
  }

  /** Asks for what is missing; forgets what waited too long. */
  protected ask(): void {
    const { host } = this.#options;
    for (const waiting of this.#waiting.values()) {
      if (host.now - waiting.sinceMs >= this.#waitingMs) {
        this.#waiting.forget(waiting);
        host.drop("not admitted: proposal whose bodies did not come");
      } else if (host.now - waiting.askedMs >= this.#pauseMs - TIMER_SLACK_MS) {
        this.#askFor(waiting);
      }
    }
  }

  #askFor(waiting: Waiting<M>): void {
    const { host } = this.#options;
    const to = waiting.asked ? this.#otherThan(waiting.from) : waiting.from;
    waiting.asked = true;
    waiting.askedMs = host.now;
    coverageMark("bodies: missing ones are asked for");
    const digests = [...waiting.missing.values()].flatMap(([lack]) => lack?.digest ?? []);
    host.send(to, { kind: "fetchBodies", digests });
  }

  /** Whose turn it is, but for the proposer, who was asked. */
  #otherThan(proposer: Signer): Signer {
    const next = this.#peers.next();
    return next === proposer ? this.#peers.next() : next;
  }

  #onFetch(from: Address, { digests }: FetchBodiesMessage): void {
    const { host, answers, config } = this.#options;
    if (from >= config.n) return host.drop(STRANGER);
    const bodies: Bytes[] = [];
    let bytes = 0;
    for (const digest of digests) {
      const body = this.#kept.get(latin1(digest));
      if (body === undefined) continue;
      bytes += body.length;
      if (bodies.length > 0 && bytes > BODIES_BYTES_MAX) break;
      bodies.push(body);
    }
    const [first] = digests;
    if (first === undefined || bodies.length === 0) {
      return host.drop("not admitted: fetch of bodies that are not here");
    }
    const question = `bodies ${digests.length} ${latin1(first)}`;
    if (!answers.allows(from, question, host.now)) return host.drop(ASKED_TOO_MUCH);
    answers.begin(from, question, host.now);
    answers.charge(from, bytes);
    host.send(from, { kind: "bodies", bodies });
  }

  #onBodies(from: Address, { bodies }: BodiesMessage): void {
    const { host, config } = this.#options;
    if (from >= config.n) return host.drop(STRANGER);
    const ready: Waiting<M>[] = [];
    let wanted = false;
    for (const body of this.#waiting.size > 0 ? bodies : []) {
      const filled = this.#fill(operationDigest(body), body);
      wanted ||= filled.wanted;
      ready.push(...filled.whole);
    }
    if (!wanted) return host.drop("not admitted: bodies that are not missing");
    coverageMark("bodies: missing ones are fetched");
    for (const waiting of ready) this.#release(waiting);
  }
}
