// The client of NOPaxos: which replies count, and how often it asks again.

import { expect, test } from "bun:test";
import { NoPaxosClient } from "../../../src/protocol/nopaxos/client.ts";
import type { Message, SlotReplyMessage } from "../../../src/protocol/nopaxos/message.ts";
import { answerTo, NO_RUN } from "../../../src/protocol/kit/answer.ts";
import { operationDigest, type Outcome, type Request } from "../../../src/protocol/kit/request.ts";
import { RETRIES_SAVED_MAX } from "../../../src/protocol/kit/retry-budget.ts";
import { SEQUENCER } from "../../../src/protocol/kit/sequencer.ts";
import { configOf } from "../../support/cluster.ts";
import { FakeHost } from "../../support/fake-host.ts";

const SEQUENCER_ADDRESS = 3;

/** A client that waits for the answer to its first operation. */
function waiting() {
  const host = new FakeHost<Message, "retry">();
  const roles = new Map([[SEQUENCER, [SEQUENCER_ADDRESS]]]);
  const client = new NoPaxosClient(configOf({ n: 3, f: 1, roles }), host);
  const results: (Uint8Array | null)[] = [];
  const asked = (): Request => {
    const request = host.takeKind("sequenced").at(-1)?.batch.requests[0];
    if (request === undefined) throw new Error("the client has asked");
    return request;
  };
  client.invoke(new Uint8Array(1), (result) => results.push(result));
  client.receive(0, answerTo(asked(), { status: "opened", session: 1 }, 0, 0, NO_RUN));
  const request = asked();
  const { session, tag, number } = request;
  const reply = (incarnation: number, view = 0, slot = 2): SlotReplyMessage => ({
    ...{ kind: "slotReply", session, tag, number, view, slot },
    ...{ sequencer: 0, incarnation, leader: null },
  });
  /** That of a leader, which knows of these lives. */
  const leads = (vector: readonly number[], view = 0, slot = 2): SlotReplyMessage => {
    const digest = operationDigest(request.op);
    const outcome = { status: "done", result: Uint8Array.of(slot) } as const;
    const incarnation = vector[view % 3] ?? 0;
    return { ...reply(incarnation, view, slot), leader: { vector, digest, outcome } };
  };
  return { client, results, request, reply, leads };
}

test("N9 the reply of a life that is over does not count beside the leader's", () => {
  const { client, results, reply, leads } = waiting();
  // Replica 2 replied, lost its memory, and told the leader of its second life.
  client.receive(2, reply(0));
  client.receive(0, leads([0, 0, 1]));
  expect(results).toEqual([]);
  client.receive(2, reply(0));
  expect(results).toEqual([]);
  client.receive(2, reply(1));
  expect(results).toEqual([Uint8Array.of(2)]);
});

test("N9 a later life than the leader knows of counts, and the reply of another replica", () => {
  const later = waiting();
  later.client.receive(0, later.leads([0, 0, 1]));
  later.client.receive(2, later.reply(2));
  expect(later.results.length).toBe(1);
  const other = waiting();
  other.client.receive(2, other.reply(0));
  other.client.receive(0, other.leads([0, 0, 1]));
  other.client.receive(1, other.reply(0));
  expect(other.results.length).toBe(1);
});

test("N9 replies of two views, of two slots, or without that of the leader never add up", () => {
  const { client, results, reply, leads } = waiting();
  client.receive(1, reply(0));
  client.receive(2, reply(0));
  client.receive(0, leads([0, 0, 0], 0, 3));
  client.receive(1, leads([0, 0, 0], 1));
  expect(results).toEqual([]);
  // Replica 0 does not lead view 1, whatever it says of itself.
  client.receive(2, reply(0, 1, 4));
  client.receive(0, leads([0, 0, 0], 1, 4));
  expect(results).toEqual([]);
  client.receive(2, reply(0, 1));
  expect(results).toEqual([Uint8Array.of(2)]);
});

test("N21 a result that no replica has any more is given up, because one says that it was executed", () => {
  const { client, results, request } = waiting();
  const { session, tag, number, op } = request;
  const told = { status: "digest", digest: operationDigest(Uint8Array.of(7)) } as const;
  const digest = operationDigest(op);
  for (let i = 0; i < 3; i++) client.timeout();
  client.receive(1, {
    ...{ kind: "reply", replica: 1, view: 0, session, tag, number, digest, outcome: told },
  });
  expect(results).toEqual([]);
  client.timeout();
  expect(results).toEqual([null]);
  // Where no replica says so it is asked for on and on.
  const other = waiting();
  for (let i = 0; i < 20; i++) other.client.timeout();
  expect(other.results).toEqual([]);
});

test("N21 retries have a budget: beyond it what is only late is asked for after a view timeout", () => {
  const host = new FakeHost<Message, "retry">();
  const roles = new Map([[SEQUENCER, [SEQUENCER_ADDRESS]]]);
  const client = new NoPaxosClient(configOf({ n: 3, f: 1, roles }), host);
  const answer = (outcome: Outcome) => {
    const asked = host.takeKind("sequenced").at(-1)?.batch.requests[0];
    if (asked !== undefined) client.receive(0, answerTo(asked, outcome, 0, 0, NO_RUN));
  };
  client.invoke(new Uint8Array(1), () => {});
  answer({ status: "opened", session: 1 });
  const done = { status: "done", result: new Uint8Array(0) } as const;
  answer(done);
  for (let i = 0; i < 2 * RETRIES_SAVED_MAX; i++) {
    client.invoke(new Uint8Array(1), () => {});
    client.timeout();
    answer(done);
  }
  // A tenth of what was answered, and what was saved.
  const before = client.retransmissions;
  expect(before).toBeGreaterThanOrEqual(RETRIES_SAVED_MAX);
  expect(before).toBeLessThanOrEqual(RETRIES_SAVED_MAX + 4);
  client.invoke(new Uint8Array(1), () => {});
  client.timeout();
  client.timeout();
  expect(client.retransmissions).toBeGreaterThan(before);
});
