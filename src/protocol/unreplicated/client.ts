import type { Address, Bytes, Client, Host, Refusal } from "../../actor.ts";
import type { ProtocolConfig } from "../../protocol-config.ts";
import { equal } from "../../wire.ts";
import { Backoff } from "../kit/backoff.ts";
import { ClientSession } from "../kit/client-session.ts";
import { requestDigest, type Request } from "../kit/request.ts";
import { ResponseTime } from "../kit/response-time.ts";
import type { Message, ReplyMessage } from "./message.ts";

type Timer = "retry";

/** After how many view timeouts a request is sent again: where replies take less, and at last. */
const LATE = 1 / 4;
const LAST = 4;

/** Sends to the one replica, and again, with exponential backoff, until the reply comes. */
export class UnreplicatedClient implements Client<Message, Timer> {
  retransmissions = 0;
  readonly #host: Host<Message, Timer>;
  readonly #signed: boolean;
  readonly #backoff: Backoff;
  readonly #responses: ResponseTime;
  /** When the pending request was sent first, and when it was sent again last, if it was. */
  #sentMs = 0;
  #repeatedMs: number | null = null;
  readonly #session: ClientSession;

  constructor(config: ProtocolConfig, host: Host<Message, Timer>, signed: boolean) {
    this.#host = host;
    this.#signed = signed;
    const { viewTimeoutMs } = config;
    const lateMs = LATE * viewTimeoutMs;
    this.#backoff = new Backoff(lateMs, LAST * viewTimeoutMs);
    this.#responses = new ResponseTime({ leastMs: lateMs, lateMs, latestMs: viewTimeoutMs });
    this.#session = new ClientSession(host, (request) => {
      this.#backoff.reset(this.#responses.lateMs);
      this.#sentMs = host.now;
      this.#repeatedMs = null;
      this.#send(request);
    });
  }

  get session(): number {
    return this.#session.id;
  }

  invoke(op: Bytes, done: (result: Bytes | null) => void): void {
    this.#session.invoke(op, done);
  }

  receive(from: Address, message: Message): void {
    const refusal = this.refuse(from, message);
    if (refusal !== null) this.#host.drop(refusal);
    else if (message.kind === "reply") this.#onReply(message);
  }

  refuse(_from: Address, message: Message): Refusal | null {
    if (message.kind !== "reply") return "not admitted: not a reply";
    const { session, tag, number, outcome } = message;
    if (this.#session.awaits(session, tag, number, outcome.status === "opened")) return null;
    return "not admitted: no reply to the pending request";
  }

  timeout(): void {
    const request = this.#session.pending;
    if (request === null) return;
    this.retransmissions++;
    this.#repeatedMs = this.#host.now;
    this.#responses.late();
    this.#send(request);
  }

  #onReply(reply: ReplyMessage): void {
    const request = this.#session.pending;
    if (request === null) return;
    if (this.#signed && !equal(reply.digest, requestDigest(request))) {
      this.#host.drop("not admitted: a reply with another request's digest");
      return;
    }
    this.#host.clearTimer("retry");
    const { now } = this.#host;
    const repeatedMs = this.#repeatedMs === null ? null : now - this.#repeatedMs;
    this.#responses.answered(now - this.#sentMs, repeatedMs);
    this.#session.conclude(reply.outcome);
  }

  #send(request: Request): void {
    this.#host.send(0, { kind: "request", request });
    this.#host.setTimer("retry", this.#backoff.next());
  }
}
