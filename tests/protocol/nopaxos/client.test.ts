// The client of NOPaxos: how often it asks again.

import { expect, test } from "bun:test";
import { NoPaxosClient } from "../../../src/protocol/nopaxos/client.ts";
import type { Message } from "../../../src/protocol/nopaxos/message.ts";
import { answerTo, NO_RUN } from "../../../src/protocol/kit/answer.ts";
import type { Outcome } from "../../../src/protocol/kit/request.ts";
import { RETRIES_SAVED_MAX } from "../../../src/protocol/kit/retry-budget.ts";
import { SEQUENCER } from "../../../src/protocol/kit/sequencer.ts";
import { configOf } from "../../support/cluster.ts";
import { FakeHost } from "../../support/fake-host.ts";

const SEQUENCER_ADDRESS = 3;

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
