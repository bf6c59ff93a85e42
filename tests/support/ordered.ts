// A protocol of one replica over an ordered network, as small as it can be: the replica opens a
// sequencer, executes what comes with the session's stamps in the order of their numbers, whatever
// is missing, and replies; where its sequencer is silent, or starts anew, it opens another session.
// It shows the sequencers of the kit, in the simulator and as processes.

import type { Address, AnyProtocol, App, Bytes, Client, Host } from "../../src/actor.ts";
import { NO_PROOFS, type Protocol, type Replica } from "../../src/actor.ts";
import type { ProtocolConfig } from "../../src/protocol-config.ts";
import { answerTo, NO_RUN } from "../../src/protocol/kit/answer.ts";
import { Backoff } from "../../src/protocol/kit/backoff.ts";
import { ClientSession } from "../../src/protocol/kit/client-session.ts";
import { codecOf } from "../../src/protocol/kit/codec.ts";
import { Executor } from "../../src/protocol/kit/executor.ts";
import type { CommonMessage } from "../../src/protocol/kit/messages.ts";
import { NO_SESSION_OUTCOME, type Request } from "../../src/protocol/kit/request.ts";
import { sequencer, SEQUENCER, sequencersOf } from "../../src/protocol/kit/sequencer.ts";
import {
  decodeSequencing,
  encodeSequencing,
  SEQUENCING_KINDS,
  unsequenced,
  type SequencedMessage,
  type SequencingMessage,
} from "../../src/protocol/kit/sequencing-messages.ts";

export type Message = CommonMessage | SequencingMessage;
type Timer = "look" | "hello" | "flush" | "retry";

const codec = codecOf<SequencingMessage>(
  {
    encode: encodeSequencing,
    decode: (kind, input) => decodeSequencing(kind, input),
    proofs: () => NO_PROOFS,
  },
  { signed: false, open: SEQUENCING_KINDS },
);

/** The stream of stamps that the replica takes. */
interface Stream {
  readonly sequencer: Address;
  readonly session: number;
  readonly incarnation: number;
}

class OrderedReplica implements Replica<Message, Timer> {
  readonly #config: ProtocolConfig;
  readonly #host: Host<Message, Timer>;
  readonly #executor: Executor;
  #stream: Stream | null = null;
  /** What was asked for last, perhaps not answered yet. */
  #asked: Stream | null = null;
  #session = 0;
  #number = 0;
  #heardMs = 0;

  constructor(config: ProtocolConfig, host: Host<Message, Timer>, app: App) {
    this.#config = config;
    this.#host = host;
    this.#executor = new Executor(app, config);
    host.setTimer("look", 0);
  }

  receive(from: Address, message: Message): void {
    if (!sequencersOf(this.#config).includes(from)) {
      return this.#host.drop("not admitted: not from a sequencer");
    }
    switch (message.kind) {
      case "sequenced":
        return this.#onSequenced(from, message);
      case "alive":
      case "sequencerHello":
        return this.#onAlive(from, message.incarnation);
      case "sessionOpened":
        return this.#onOpened(from, message.session, message.incarnation, message.first);
      default:
        return this.#host.drop("not admitted: not for a replica");
    }
  }

  timeout(): void {
    for (const to of sequencersOf(this.#config)) this.#host.send(to, { kind: "probe" });
    this.#host.setTimer("look", this.#config.viewTimeoutMs / 8);
  }

  census() {
    const { position, sessions } = this.#executor;
    const size = { name: "sessions", size: sessions, max: this.#config.sessionsMax };
    const at = { view: 0, committed: position, executed: position };
    return { ...at, phase: "running" as const, viewTimerMs: 0, sizes: [size] };
  }

  #onAlive(from: Address, incarnation: number): void {
    const stream = this.#stream;
    const own = stream?.sequencer === from;
    if (own && stream.incarnation === incarnation) {
      this.#heardMs = this.#host.now;
      return;
    }
    const silent = this.#host.now - this.#heardMs > this.#config.viewTimeoutMs;
    if (stream !== null && !own && !silent) return;
    const asked = this.#asked;
    if (asked?.sequencer !== from || asked.incarnation !== incarnation) {
      this.#asked = { sequencer: from, session: this.#session++, incarnation };
    }
    const { session } = this.#asked ?? { session: 0 };
    this.#host.send(from, { kind: "openSession", session, incarnation });
  }

  #onOpened(from: Address, session: number, incarnation: number, first: number): void {
    const asked = this.#asked;
    if (asked?.sequencer !== from || asked.session !== session) return;
    if (asked.incarnation !== incarnation || asked === this.#stream) return;
    this.#stream = asked;
    this.#number = first - 1;
    this.#heardMs = this.#host.now;
  }

  #onSequenced(from: Address, { stamp, batch }: SequencedMessage): void {
    const stream = this.#stream;
    const own =
      stream?.sequencer === from &&
      stream.session === stamp.session &&
      stream.incarnation === stamp.incarnation;
    if (!own) return this.#host.drop("not admitted: a stamp of another stream");
    if (stamp.number <= this.#number) return this.#host.drop("not admitted: too late");
    this.#number = stamp.number;
    for (const [i, request] of batch.requests.entries()) {
      const known = this.#executor.canExecute(request);
      const outcome = known ? this.#executor.execute(request) : NO_SESSION_OUTCOME;
      if (outcome === null) continue;
      this.#host.send(batch.clients.at(i) ?? 0, answerTo(request, outcome, 0, 0, NO_RUN));
    }
  }
}

/** Asks every sequencer, of which one is open. */
class OrderedClient implements Client<Message, Timer> {
  retransmissions = 0;
  readonly #config: ProtocolConfig;
  readonly #host: Host<Message, Timer>;
  readonly #backoff: Backoff;
  readonly #session: ClientSession;

  constructor(config: ProtocolConfig, host: Host<Message, Timer>) {
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
    switch (message.kind) {
      case "reply": {
        const { session, number, tag, outcome } = message;
        // Others have the result.
        if (outcome.status === "digest") return this.#host.drop("not admitted: not a reply");
        return this.#conclude(session, number, tag, outcome);
      }
      case "opened": {
        const outcome = { status: "opened" as const, session: message.session };
        return this.#conclude(0, 0, message.tag, outcome);
      }
      case "gone":
        return this.#conclude(message.session, message.number, message.tag, NO_SESSION_OUTCOME);
      default:
        return this.#host.drop("not admitted: not a reply");
    }
  }

  timeout(): void {
    const request = this.#session.pending;
    if (request === null) return;
    this.retransmissions++;
    this.#send(request);
  }

  #conclude(
    session: number,
    number: number,
    tag: number,
    outcome: Parameters<ClientSession["conclude"]>[0],
  ): void {
    if (!this.#session.awaits(session, tag, number, outcome.status === "opened")) return;
    this.#host.clearTimer("retry");
    this.#session.conclude(outcome);
  }

  #send(request: Request): void {
    for (const to of sequencersOf(this.#config)) this.#host.send(to, unsequenced(request));
    this.#host.setTimer("retry", this.#backoff.next());
  }
}

export const ordered: Protocol<Message, Timer> = {
  codec,
  signed: false,
  faults: "none",
  quorums: (n, f) => (f === 0 ? { n, f, quorum: n, weak: 1 } : null),
  replica: (_self, config, host, app) => new OrderedReplica(config, host, app),
  client: (config, host) => new OrderedClient(config, host),
  roles: new Map([[SEQUENCER, sequencer]]),
  sequenced: "crash",
  // A stamped operation has no room for its client's signature.
  without: ["request-auth", "client-key"],
};

/** Adds it to the registry, before programs are defined by that; returns what takes it out again. */
export function registerOrdered(protocols: ReadonlyMap<string, AnyProtocol>): () => void {
  const registry = protocols as Map<string, AnyProtocol>;
  registry.set("ordered", ordered as unknown as AnyProtocol);
  return () => registry.delete("ordered");
}
