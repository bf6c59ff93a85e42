// A protocol of one replica and a sequencer, as small as it can be: clients send requests to the
// sequencer, which gives each a ticket with its number and passes it on; the replica executes
// tickets in their order, drops those that come too late, and replies. It shows that a protocol may
// have a third kind of process.

import {
  NO_PROOFS,
  type Address,
  type AnyProtocol,
  type App,
  type Bytes,
  type Client,
  type Codec,
  type Host,
  type Protocol,
  type Replica,
  type RoleActor,
  type Sealed,
} from "../../src/actor.ts";
import type { ProtocolConfig } from "../../src/protocol-config.ts";
import { Backoff } from "../../src/protocol/kit/backoff.ts";
import { ClientSession } from "../../src/protocol/kit/client-session.ts";
import { Executor } from "../../src/protocol/kit/executor.ts";
import {
  decodeOutcome,
  decodeLoneRequest,
  encodeOutcome,
  encodeLoneRequest,
  type Outcome,
  type Request,
} from "../../src/protocol/kit/request.ts";
import type { Reader, Writer } from "../../src/wire.ts";

/** To all replicas, by which networks learn where the sequencer is. */
interface HelloMessage extends Sealed {
  readonly kind: "hello";
}
interface RequestMessage extends Sealed {
  readonly kind: "request";
  readonly request: Request;
}
interface TicketMessage extends Sealed {
  readonly kind: "ticket";
  readonly number: number;
  readonly client: Address;
  readonly request: Request;
}
interface ReplyMessage extends Sealed {
  readonly kind: "reply";
  readonly session: number;
  readonly tag: number;
  readonly number: number;
  readonly outcome: Outcome;
}
type Message = HelloMessage | RequestMessage | TicketMessage | ReplyMessage;

const codec: Codec<Message> = {
  encode(message: Message, out: Writer): void {
    out.u8(["hello", "request", "ticket", "reply"].indexOf(message.kind));
    if (message.kind === "ticket") {
      out.u53(message.number);
      out.address(message.client);
    }
    if (message.kind === "request" || message.kind === "ticket") {
      encodeLoneRequest(message.request, out);
    }
    if (message.kind !== "reply") return;
    out.u53(message.session);
    out.u32(message.tag);
    out.u53(message.number);
    encodeOutcome(message.outcome, out);
  },
  decode(input: Reader): Message | null {
    const message = decodeBody(input.u8(), input);
    return input.done ? message : null;
  },
  proofs: () => NO_PROOFS,
};

function decodeBody(kind: number, input: Reader): Message | null {
  if (kind === 0) return { kind: "hello" };
  if (kind === 1) return { kind: "request", request: decodeLoneRequest(input) };
  if (kind === 2) {
    const [number, client] = [input.u53(), input.address()];
    return { kind: "ticket", number, client, request: decodeLoneRequest(input) };
  }
  if (kind !== 3) return null;
  const [session, tag, number] = [input.u53(), input.u32(), input.u53()];
  return { kind: "reply", session, tag, number, outcome: decodeOutcome(input) };
}

class Sequencer implements RoleActor<Message, "hello"> {
  readonly #host: Host<Message, "hello">;
  readonly #backoff: Backoff;
  #number = 0;

  constructor(config: ProtocolConfig, host: Host<Message, "hello">) {
    this.#host = host;
    this.#backoff = new Backoff(config.viewTimeoutMs / 8, config.viewTimeoutMs * 16);
    host.setTimer("hello", 0);
  }

  receive(client: Address, message: Message): void {
    if (message.kind !== "request") return;
    const number = ++this.#number;
    this.#host.send("all", { kind: "ticket", number, client, request: message.request });
  }

  timeout(): void {
    this.#host.send("all", { kind: "hello" });
    this.#host.setTimer("hello", this.#backoff.next());
  }

  census() {
    return { sizes: [] };
  }
}

class TicketedReplica implements Replica<Message, never> {
  readonly #config: ProtocolConfig;
  readonly #host: Host<Message, never>;
  readonly #executor: Executor;
  /** The latest number that was executed. */
  #number = 0;

  constructor(config: ProtocolConfig, host: Host<Message, never>, app: App) {
    this.#config = config;
    this.#host = host;
    this.#executor = new Executor(app, config);
  }

  receive(from: Address, message: Message): void {
    if (message.kind !== "ticket") return;
    if (from !== sequencerOf(this.#config)) return this.#host.drop("not admitted: a stranger's");
    if (message.number <= this.#number) return this.#host.drop("not admitted: too late");
    this.#number = message.number;
    const { session, tag, number } = message.request;
    const outcome = this.#executor.execute(message.request);
    if (outcome === null) return;
    this.#host.send(message.client, { kind: "reply", session, tag, number, outcome });
  }

  timeout(): void {}

  census() {
    const { position, sessions } = this.#executor;
    const size = { name: "sessions", size: sessions, max: this.#config.sessionsMax };
    const at = { view: 0, committed: position, executed: position };
    return { ...at, phase: "running" as const, viewTimerMs: 0, sizes: [size] };
  }
}

class TicketedClient implements Client<Message, "retry"> {
  retransmissions = 0;
  readonly #config: ProtocolConfig;
  readonly #host: Host<Message, "retry">;
  readonly #backoff: Backoff;
  readonly #session: ClientSession;

  constructor(config: ProtocolConfig, host: Host<Message, "retry">) {
    this.#config = config;
    this.#host = host;
    this.#backoff = new Backoff(config.viewTimeoutMs / 4, config.viewTimeoutMs);
    this.#session = new ClientSession(host, (request) => {
      this.#backoff.reset();
      this.#send(request);
    });
  }

  invoke(op: Bytes, done: (result: Bytes | null) => void): void {
    this.#session.invoke(op, done);
  }

  receive(_from: Address, message: Message): void {
    if (message.kind !== "reply") return;
    const { session, tag, number, outcome } = message;
    if (!this.#session.awaits(session, tag, number, outcome.status === "opened")) return;
    this.#host.clearTimer("retry");
    this.#session.conclude(outcome);
  }

  timeout(): void {
    const request = this.#session.pending;
    if (request === null) return;
    this.retransmissions++;
    this.#send(request);
  }

  #send(request: Request): void {
    this.#host.send(sequencerOf(this.#config), { kind: "request", request });
    this.#host.setTimer("retry", this.#backoff.next());
  }
}

function sequencerOf({ roles }: ProtocolConfig): Address {
  const [address] = roles?.get("sequencer") ?? [];
  if (address === undefined) throw new Error("a configuration without a sequencer");
  return address;
}

export const ticketed: Protocol<Message, "hello" | "retry"> = {
  codec,
  signed: false,
  faults: "none",
  // A ticket has no room for a client's signature.
  without: ["request-auth", "client-key"],
  quorums: (n, f) => (f === 0 ? { n, f, quorum: n, weak: 1 } : null),
  replica: (_self, config, host, app) => new TicketedReplica(config, host, app),
  client: (config, host) => new TicketedClient(config, host),
  roles: new Map([["sequencer", (_index, config, host) => new Sequencer(config, host)]]),
};

/** Adds it to the registry, before programs are defined by that; returns what takes it out again. */
export function registerTicketed(protocols: ReadonlyMap<string, AnyProtocol>): () => void {
  const registry = protocols as Map<string, AnyProtocol>;
  registry.set("ticketed", ticketed as unknown as AnyProtocol);
  return () => registry.delete("ticketed");
}
