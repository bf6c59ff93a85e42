// Shows U1, U2 and what X13 means for them: one replica executes and replies, the client asks again
// until it knows, and signed replies are believed for what they say only.

import { beforeEach, describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Address, App, Bytes, Codec, Proof, Snapshot } from "../../../src/actor.ts";
import { KvApp } from "../../../src/app/kv.ts";
import { PROTOCOL_DEFAULTS, type ProtocolConfig } from "../../../src/protocol-config.ts";
import { domainOf } from "../../../src/crypto/domain.ts";
import { generateKeyPair } from "../../../src/crypto/keys.ts";
import { openNobleStage } from "../../../src/crypto/noble.ts";
import { protocols } from "../../../src/protocol/index.ts";
import { requestDigest, type Outcome, type Request } from "../../../src/protocol/kit/request.ts";
import {
  UnreplicatedClient,
  unreplicated,
  UnreplicatedReplica,
  unreplicatedSigned,
  type Message,
} from "../../../src/protocol/unreplicated/index.ts";
import { runSeed } from "../../../src/simulation/run-seed.ts";
import { subjectOf } from "../../../src/simulation/subject.ts";
import { BLOCK_MIN, bytesOf, EMPTY, Reader } from "../../../src/wire.ts";
import { FakeHost } from "../../support/fake-host.ts";
import { onePart } from "../../support/states.ts";

const config: ProtocolConfig = { ...PROTOCOL_DEFAULTS, n: 1, f: 0, leader: () => 0 };

/** Counts what it executes; a result is the operation with that count behind it. */
class CountingApp implements App {
  executed = 0;
  execute(op: Bytes): Bytes {
    return Uint8Array.of(...op, ++this.executed);
  }
  snapshot(): Snapshot {
    return onePart(Uint8Array.of(this.executed));
  }
  restore(): void {}
  rollback(): void {}
  commit(): void {}
}

const CLIENT: Address = 7;

let app: CountingApp;
let clientHost: FakeHost<Message, "retry">;
let replicaHost: FakeHost<Message, "retry">;
let client: UnreplicatedClient;
let replica: UnreplicatedReplica;
let results: (string | null)[];

function build(signed: boolean, settings: Partial<ProtocolConfig> = {}): void {
  app = new CountingApp();
  clientHost = new FakeHost(1);
  client = new UnreplicatedClient({ ...config, ...settings }, clientHost, signed);
  restart(signed, settings);
  results = [];
}

/** A replica that remembers nothing. */
function restart(signed = false, settings: Partial<ProtocolConfig> = {}): void {
  replicaHost = new FakeHost();
  replica = new UnreplicatedReplica({ ...config, ...settings }, replicaHost, app, signed);
}

beforeEach(() => build(false));

/** The only message that was sent. */
function taken(host: FakeHost<Message, "retry">): Message {
  const sent = host.take();
  expect(sent).toHaveLength(1);
  return sent[0]!.message;
}

function invoke(...op: readonly number[]): void {
  client.invoke(Uint8Array.from(op), (result) => results.push(result?.toHex() ?? null));
}

/** The client's request reaches the replica, whose reply is returned. */
function ask(request = taken(clientHost)): Message {
  replica.receive(CLIENT, request);
  const { to } = replicaHost.sent[0]!;
  expect(to).toBe(CLIENT);
  return taken(replicaHost);
}

/** Requests and replies go back and forth until the client waits for nothing. */
function settle(): void {
  while (clientHost.sent.length > 0) client.receive(0, ask());
}

describe("U1 one replica executes and replies", () => {
  test("U1 a session is opened, then each operation executes once and its result arrives", () => {
    invoke(1);
    expect(clientHost.sent.map(({ to }) => to)).toEqual([0]);
    settle();
    invoke(2);
    settle();
    expect({ results, executed: app.executed, armed: clientHost.timers.has("retry") }).toEqual({
      ...{ results: ["0101", "0202"], executed: 2, armed: false },
    });
    expect(client.retransmissions).toBe(0);
    expect(replica.census()).toMatchObject({ executed: 3, phase: "running", view: 0 });
  });

  test("U1 the client asks again with exponential backoff, from a quarter of the timeout to four", () => {
    invoke(1);
    const first = taken(clientHost);
    const delays = [clientHost.timers.get("retry")];
    for (let i = 0; i < 6; i++) {
      client.timeout();
      expect(taken(clientHost)).toEqual(first);
      delays.push(clientHost.timers.get("retry"));
    }
    expect(delays).toEqual([125, 250, 500, 1000, 2000, 2000, 2000]);
    expect(client.retransmissions).toBe(6);
    // What was late before is given longer, until a reply to what was sent once tells how long.
    client.receive(0, ask(first));
    expect(clientHost.timers.get("retry")).toBe(500);
    settle();
    expect(results).toEqual(["0101"]);
    invoke(2);
    expect(clientHost.timers.get("retry")).toBe(125);
  });

  test("U1 a timeout with nothing in flight sends nothing", () => {
    client.timeout();
    invoke(1);
    settle();
    client.timeout();
    expect({ sent: clientHost.sent, again: client.retransmissions }).toEqual({
      sent: [],
      again: 0,
    });
  });

  test("U1 a client takes one reply to its request, and none to another", () => {
    invoke(1);
    const opened = ask();
    client.receive(0, opened);
    const request = taken(clientHost);
    const reply = ask(request);
    const others: readonly object[] = [{ session: 9 }, { tag: 1 }, { number: 2 }];
    for (const other of others) {
      const altered = { ...reply, ...other } as Message;
      expect(client.refuse(0, altered)).not.toBe(null);
      client.receive(0, altered);
    }
    for (const wrong of [request, opened]) {
      expect(client.refuse(0, wrong)).not.toBe(null);
      client.receive(0, wrong);
    }
    expect(results).toEqual([]);
    expect(client.refuse(0, reply)).toBe(null);
    client.receive(0, reply);
    client.receive(0, reply);
    expect(results).toEqual(["0101"]);
  });

  test("U1 the replica takes requests only", () => {
    invoke(1);
    const request = taken(clientHost);
    const reply = ask(request);
    const refusal = "not admitted: not a request";
    expect([replica.refuse(CLIENT, request), replica.refuse(CLIENT, reply)]).toEqual([
      null,
      refusal,
    ]);
    replica.receive(CLIENT, reply);
    expect(replicaHost.sent).toEqual([]);
    expect([...replicaHost.drops]).toEqual([[refusal, 1]]);
  });

  test("U1 a session has one operation in flight", () => {
    invoke(1);
    expect(() => invoke(2)).toThrow("one operation in flight");
  });

  test.each(["unreplicated", "unreplicated-signed"])(
    "U1 %s passes seeds of loss, duplication and reordering",
    (name) => {
      const protocol = protocols.get(name)!;
      const subject = subjectOf(name, protocol);
      for (let seed = 1000; seed < 1100; seed++) {
        const { failures } = runSeed({ subject, seed });
        expect({ seed, failures }).toEqual({ seed, failures: [] });
      }
    },
  );
});

describe("X13 exactly once", () => {
  test("X13 a reply that was lost is sent again, and nothing executes twice", () => {
    invoke(1);
    ask();
    client.timeout();
    client.receive(0, ask());
    replicaHost.clockMs += config.viewTimeoutMs / 4;
    const request = taken(clientHost);
    const lost = ask(request);
    client.timeout();
    replicaHost.clockMs += config.viewTimeoutMs / 4;
    expect(clientHost.sent[0]?.message).toEqual(request);
    const again = ask();
    expect(again).toEqual(lost);
    client.receive(0, again);
    expect({ results, executed: app.executed }).toEqual({ results: ["0101"], executed: 1 });
    expect(client.retransmissions).toBe(2);
  });

  test("X22 a request that floods is answered once in a pause", () => {
    invoke(1);
    client.receive(0, ask());
    const request = taken(clientHost);
    ask(request);
    const flood = () => {
      for (let i = 0; i < 100; i++) replica.receive(CLIENT, request);
      return replicaHost.take().length;
    };
    expect([flood(), flood()]).toEqual([1, 0]);
    replicaHost.clockMs += config.viewTimeoutMs / 4;
    expect(flood()).toBe(1);
    expect(app.executed).toBe(1);
  });

  test("X13 a request older than the last is answered that its number was used, and not executed", () => {
    invoke(1);
    client.receive(0, ask());
    const first = taken(clientHost);
    client.receive(0, ask(first));
    invoke(2);
    settle();
    replica.receive(CLIENT, first);
    const used = { message: { number: 1, outcome: { status: "number used" } } };
    expect(replicaHost.sent).toMatchObject([used]);
    expect(app.executed).toBe(2);
  });

  test("X13 a client that lost its session is told so, and opens another", () => {
    build(false, { sessionsMax: 1 });
    invoke(1);
    settle();
    const other = new FakeHost<Message, "retry">(2);
    const rival = new UnreplicatedClient(config, other, false);
    rival.invoke(EMPTY, () => {});
    rival.receive(0, ask(taken(other)));
    invoke(2);
    settle();
    expect({ results, executed: app.executed }).toEqual({ results: ["0101", null], executed: 1 });
    invoke(3);
    settle();
    expect(results).toEqual(["0101", null, "0302"]);
  });

  test("X13 a replica that was restarted empty refuses old sessions, though it uses numbers again", () => {
    invoke(1);
    settle();
    restart();
    const other = new FakeHost<Message, "retry">(2);
    const newcomer = new UnreplicatedClient(config, other, false);
    newcomer.invoke(EMPTY, () => {});
    newcomer.receive(0, ask(taken(other)));
    const before = app.executed;
    invoke(2);
    settle();
    expect({ results, executed: app.executed }).toEqual({
      ...{ results: ["0101", null], executed: before },
    });
  });

  test("X13 whatever is lost, repeated or late, operations execute once and in order", () => {
    const fate = fc.constantFrom("arrives", "is lost", "comes twice", "waits", "is asked again");
    fc.assert(
      fc.property(fc.array(fate, { maxLength: 60 }), (fates) => {
        build(false);
        let next = 1;
        const late: Message[] = [];
        const deliver = (request: Message) => {
          replica.receive(CLIENT, request);
          while (replicaHost.sent.length > 0) client.receive(0, replicaHost.sent.shift()!.message);
        };
        for (const fate of [...fates, "arrives", "arrives"]) {
          if (results.length === next - 1 && !clientHost.timers.has("retry")) invoke(next++);
          if (clientHost.sent.length === 0) client.timeout();
          const { message } = clientHost.sent.shift()!;
          if (fate === "waits") late.push(message);
          if (fate === "arrives" || fate === "comes twice") deliver(message);
          if (fate === "comes twice") deliver(message);
          if (fate === "is asked again") for (const old of late.splice(0)) deliver(old);
        }
        const expected = results.map((_, i) => Uint8Array.of(i + 1, i + 1).toHex());
        expect(results).toEqual(expected);
        expect(app.executed - results.length).toBeLessThanOrEqual(1);
      }),
    );
  });
});

describe("U2 replies are signed and verified", () => {
  const pair = generateKeyPair();
  const publicKeys = [pair.publicKey];
  const domain = domainOf({ mode: "unreplicated-signed", n: 1, f: 0, publicKeys, instance: "" });
  const options = { kind: "each", domain, publicKeys } as const;
  const signer = openNobleStage({ ...options, self: 0, secretKey: pair.secretKey });
  const verifier = openNobleStage({ ...options, self: null, secretKey: null });
  const { codec } = unreplicatedSigned;

  /** The reply as the replica's node sends it. */
  function sealed(reply: Message): Bytes {
    const signed = bytesOf((out) => codec.encode(reply, out));
    let block: Bytes = EMPTY;
    signer.sign(signed, null, (made) => (block = made));
    while (block.length === 0) signer.poll();
    return Uint8Array.of(...signed, ...block);
  }

  function holds(proofs: readonly Proof[]): boolean {
    let verdict: boolean | null = null;
    verifier.verify(proofs, null, (valid) => (verdict = valid));
    while (verdict === null) verifier.poll();
    return verdict;
  }

  beforeEach(() => build(true));

  test("U2 a reply names session, tag, number and the request's digest, and has a signature on all", () => {
    invoke(1);
    client.receive(0, ask());
    const request = taken(clientHost);
    const reply = ask(request);
    expect(request.kind === "request" && reply.kind === "reply").toBe(true);
    const asked = (request as { request: Request }).request;
    const { session, tag, number } = asked;
    expect(reply).toMatchObject({ session, tag, number, digest: requestDigest(asked) });
    const bytes = sealed(reply);
    const decoded = codec.decode(new Reader(bytes))!;
    const [proof, ...others] = codec.proofs(decoded);
    expect(others).toEqual([]);
    expect(proof).toMatchObject({ signer: 0, signed: bytes.slice(0, -BLOCK_MIN) });
    expect(holds(codec.proofs(decoded))).toBe(true);
  });

  test("U2 whatever byte of a signed reply is altered, it is malformed or its signature does not hold", () => {
    invoke(1);
    client.receive(0, ask());
    const bytes = sealed(ask());
    expect(holds(codec.proofs(codec.decode(new Reader(bytes))!))).toBe(true);
    for (let at = 0; at < bytes.length; at++) {
      const altered = bytes.slice();
      altered[at] = altered[at]! ^ (1 << (at % 8));
      const message = codec.decode(new Reader(altered));
      const believed = message !== null && message.kind === "reply" && holds(codec.proofs(message));
      expect({ at, believed }).toEqual({ at, believed: false });
    }
  });

  test("U2 a reply without its signature is malformed", () => {
    invoke(1);
    const bytes = sealed(ask());
    expect(codec.decode(new Reader(bytes.slice(0, -BLOCK_MIN)))).toBeNull();
  });

  test("U2 a reply that was signed for another operation is not taken", () => {
    invoke(1);
    client.receive(0, ask());
    const request = taken(clientHost);
    const genuine = ask(request);
    const other = { ...(request as { request: Request }).request, op: Uint8Array.of(9) };
    client.receive(0, { ...genuine, digest: requestDigest(other) } as Message);
    expect(results).toEqual([]);
    client.receive(0, genuine);
    expect(results).toEqual(["0101"]);
  });

  test("U2 requests are not signed, and the unsigned protocol signs nothing", () => {
    invoke(1);
    const request = taken(clientHost);
    expect(codec.proofs(request)).toEqual([]);
    expect([unreplicated.signed, unreplicatedSigned.signed]).toEqual([false, true]);
    const reply = ask(request);
    const plain = bytesOf((out) => unreplicated.codec.encode(reply, out));
    expect(unreplicated.codec.proofs(unreplicated.codec.decode(new Reader(plain))!)).toEqual([]);
  });
});

describe("messages", () => {
  const u53 = fc.oneof(fc.maxSafeNat(), fc.constant(Number.MAX_SAFE_INTEGER));
  const positive = u53.map((value) => Math.max(1, value));
  const tag = fc.nat(2 ** 32 - 1);
  const op = fc.uint8Array({ maxLength: 50 });
  const ofSession = fc.record({ session: positive, tag, number: positive, op });
  const open = fc.uint8Array({ minLength: 13, maxLength: 13 }).map((nonce) => ({
    ...{ session: 0, tag: new DataView(nonce.buffer).getUint32(0), number: 0, op: nonce },
  }));
  const outcome: fc.Arbitrary<Outcome> = fc.oneof(
    op.map((result) => ({ status: "done" as const, result })),
    positive.map((session) => ({ status: "opened" as const, session })),
    fc.constant({ status: "no session" as const }),
    fc.constant({ status: "forgotten" as const }),
  );
  const block = new Uint8Array(BLOCK_MIN).fill(7, 5);

  /** A message as it would be decoded from its encoding. */
  function messages(signed: boolean): fc.Arbitrary<Message> {
    const digest = signed ? fc.uint8Array({ minLength: 32, maxLength: 32 }) : fc.constant(EMPTY);
    return fc.oneof(
      fc.oneof(ofSession, open).map((request): Message => ({ kind: "request", request })),
      fc.record({ session: u53, tag, number: u53, digest, outcome }).map((fields): Message => {
        const reply: Message = { kind: "reply", ...fields, seal: undefined };
        if (!signed) return reply;
        const body = bytesOf((out) => unreplicatedSigned.codec.encode(reply, out));
        return { ...reply, seal: { signer: 0, signed: body, signature: block } };
      }),
    );
  }

  const codecs: readonly (readonly [string, Codec<Message>, boolean])[] = [
    ["unsigned", unreplicated.codec, false],
    ["signed", unreplicatedSigned.codec, true],
  ];

  test.each(codecs)(
    "%s are read as they were written, and every truncation is none",
    (_, codec, signed) => {
      fc.assert(
        fc.property(messages(signed), (message) => {
          const bytes = bytesOf((out) => codec.encode(message, out));
          expect(codec.decode(new Reader(bytes))).toEqual(message);
          for (let end = 0; end < bytes.length; end++) {
            expect(codec.decode(new Reader(bytes).reset(0, end))).toBeNull();
          }
          expect(codec.decode(new Reader(Uint8Array.of(...bytes, 0)))).toBeNull();
        }),
      );
    },
  );

  test.each(codecs)("%s: any bytes are a message with one encoding, or none", (_, codec) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), fc.constantFrom(0, 1, 2, 3), (bytes, kind) => {
        bytes[0] = kind;
        const message = codec.decode(new Reader(bytes));
        if (message === null) return;
        expect(bytesOf((out) => codec.encode(message, out))).toEqual(bytes);
      }),
    );
  });

  test.each([
    ["an open with a number", { session: 0, tag: 0, number: 1, op: new Uint8Array(13) }],
    ["an open with another tag", { session: 0, tag: 1, number: 0, op: new Uint8Array(13) }],
    ["an open with a short nonce", { session: 0, tag: 0, number: 0, op: new Uint8Array(12) }],
    ["an operation without a number", { session: 1, tag: 0, number: 0, op: EMPTY }],
  ])("%s is malformed", (_, request) => {
    const bytes = bytesOf((out) => unreplicated.codec.encode({ kind: "request", request }, out));
    expect(unreplicated.codec.decode(new Reader(bytes))).toBeNull();
  });

  test("a session is never 0", () => {
    const reply: Message = {
      ...{ kind: "reply", session: 0, tag: 0, number: 0, digest: EMPTY },
      outcome: { status: "opened", session: 0 },
    };
    const bytes = bytesOf((out) => unreplicated.codec.encode(reply, out));
    expect(unreplicated.codec.decode(new Reader(bytes))).toBeNull();
  });

  test("X10 the protocol runs kv as it runs anything else", () => {
    app = new KvApp() as never;
    restart();
    client.invoke(EMPTY, (result) => results.push(result?.toHex() ?? null));
    settle();
    expect(results).toEqual(["02"]);
  });
});
