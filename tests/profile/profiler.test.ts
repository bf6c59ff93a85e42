// Shows that a profile adds up: nested sections, idle turns and waiting are assigned to what the
// thread was about, behind a real Node and run loop with a sampler that the test drives; and that
// real processes write it.

import { beforeEach, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { freePorts } from "../../src/cluster/free-ports.ts";
import type { Codec, Host } from "../../src/actor.ts";
import { formatProfile, type Profile } from "../../src/profile/profile.ts";
import { ProfiledStage } from "../../src/profile/profiled-stage.ts";
import { COUNTS, PERIODS, Profiler, SECTION_NAMES } from "../../src/profile/profiler.ts";
import type { ReplicaRecord } from "../../src/evaluation/replica-record.ts";
import type { ResultRecord } from "../../src/evaluation/record.ts";
import { Node } from "../../src/node.ts";
import { runLoop } from "../../src/run-loop.ts";
import { IDLE, OTHER, PROTOCOL, SECTION } from "../../src/base/sections.ts";
import {
  codec,
  FakeClock,
  FakeStage,
  FakeTransport,
  plain,
  RecordingActor,
  signed,
  type Message,
} from "../support/fakes.ts";
import { ConfigDirectory } from "../support/configurations.ts";
import { describeUnless, libraries } from "../support/optional.ts";
import { program, run } from "../support/programs.ts";
import { PATIENCE_MS } from "../support/patience.ts";

const NO_COUNTS = { signed: 0, roots: 0, verified: 0, cached: 0 };

/** Counts periods as the library's handler does, when the test says that time goes by. */
class FakeSampler {
  readonly words = new Int32Array(32);

  pass(periods: number): void {
    const section = this.words[SECTION] ?? 0;
    this.words[COUNTS + section] = (this.words[COUNTS + section] ?? 0) + periods;
    this.words[PERIODS] = (this.words[PERIODS] ?? 0) + periods;
  }
}

let sampler: FakeSampler;
let profiler: Profiler;
let operations: number;

beforeEach(() => {
  sampler = new FakeSampler();
  profiler = new Profiler(sampler.words);
  operations = 0;
  profiler.progress(0, 0, NO_COUNTS);
});

/** Periods by section, without zeros, of all that was counted until now. */
function found(): { [section: string]: number } {
  profiler.progress(1000, ++operations, NO_COUNTS);
  const { shares } = profiler.result() ?? expect.unreachable();
  const all = sampler.words[PERIODS] ?? 0;
  const sum = Object.values(shares).reduce((a, b) => a + b, 0);
  expect(sum).toBeCloseTo(1, 12);
  return Object.fromEntries(
    SECTION_NAMES.map((name) => [name, Math.round(shares[name] * all)] as const).filter(
      ([, count]) => count > 0,
    ),
  );
}

/**
 * A node between profiled fakes, each of which takes a time of its own: 1 to receive a packet, 10 to
 * decode, 100 to ask, 1,000 to receive, 10,000 to encode, 100,000 to transmit.
 */
function build(replies: (host: Host<Message, string>, text: string) => void = () => {}) {
  const transport = new FakeTransport();
  const { transmit } = transport;
  transport.transmit = (to) => {
    sampler.pass(100_000);
    transmit.call(transport, to);
  };
  const slow: Codec<Message> = {
    encode(message, out) {
      sampler.pass(10_000);
      codec.encode(message, out);
    },
    decode(input) {
      sampler.pass(10);
      return codec.decode(input);
    },
    proofs: codec.proofs,
  };
  const stage = new FakeStage();
  const clock = new FakeClock();
  const drivers = { transport, stage: new ProfiledStage(stage, profiler, clock), clock };
  const more = { codec: slow, random: () => 0, sections: profiler.words };
  const node = new Node<Message, string>({ id: 0, self: 1, n: 4, ...drivers, ...more });
  const actor = new RecordingActor();
  actor.onReceive = (text) => {
    sampler.pass(1000);
    replies(node, text);
    sampler.pass(1000);
  };
  const { refuse } = actor;
  actor.refuse = (from, message) => {
    sampler.pass(100);
    return refuse.call(actor, from, message);
  };
  node.start(actor);
  /** Runs one turn for each entry; an entry says what its transport's poll does. */
  const turns = (polls: readonly (() => number)[]) => {
    let turn = 0;
    transport.poll = () => {
      sampler.pass(1);
      return polls[turn++]?.() ?? 0;
    };
    const idle = () => sampler.pass(1_000_000);
    const stopped = () => turn === polls.length;
    runLoop({ ...drivers, nodes: [node], idle, stopped, observer: profiler });
  };
  return { transport, stage, clock, node, actor, turns };
}

describe("attribution", () => {
  test("a message's way through the node, and its handler's reply inside it", () => {
    const { transport, turns } = build((host) => host.send(7, plain("reply")));
    turns([
      () => {
        transport.arrive(3, plain("request"));
        sampler.pass(1);
        return 1;
      },
    ]);
    expect(found()).toEqual({
      ...{ receive: 2, decode: 10, protocol: 2100, encode: 10_000, send: 100_000 },
    });
    expect(transport.left).toEqual([{ to: 7, text: "reply" }]);
  });

  test("a turn that brings nothing is idle as a whole, one after it is not", () => {
    const { transport, turns } = build();
    const arrival = () => {
      transport.arrive(3, plain("request"));
      return 1;
    };
    turns([() => 0, () => 0, arrival, arrival, () => 0]);
    expect(found()).toEqual({ idle: 3 + 3_000_000, receive: 2, decode: 20, protocol: 4200 });
  });

  test("handing to the stage and collecting is checking; what then leaves, and handlers, are not", () => {
    const { transport, stage, turns, node } = build();
    const { verify } = stage;
    stage.verify = (proofs, run, done) => {
      sampler.pass(5);
      verify.call(stage, proofs, run, done);
    };
    stage.sign = (_signed, _run, done) => {
      sampler.pass(7);
      stage.signing.push(() => done(new Uint8Array(69)));
    };
    const finish = () => {
      sampler.pass(20);
      stage.finish("vote");
      stage.signing.shift()?.();
      return 2;
    };
    const polls = [() => 0, finish];
    stage.poll = () => polls.shift()?.() ?? 0;
    turns([
      () => {
        transport.arrive(3, signed("vote"));
        node.send(7, signed("mine"));
        return 1;
      },
      () => 0,
    ]);
    // The message of its own was encoded in the poll, outside a handler.
    expect(found()).toEqual({
      ...{ receive: 2, decode: 10, check: 5 + 7 + 20, protocol: 2100 },
      ...{ encode: 10_000, send: 100_000 },
    });
  });

  test("a job that this thread ran is help; looking for one in vain is idle", () => {
    const { stage, turns } = build();
    const helped = [true, false];
    stage.runJob = () => {
      sampler.pass(50);
      return helped.shift() ?? false;
    };
    turns([() => 0, () => 0]);
    expect(found()).toEqual({ receive: 1, help: 50, idle: 1 + 50 + 1_000_000 });
  });

  test("a timer's handler is the protocol's, and its turn is not idle", () => {
    const { node, clock, actor, turns } = build();
    actor.onTimeout = () => sampler.pass(9);
    node.setTimer("retry", 5);
    clock.now += 5;
    turns([() => 0]);
    expect(found()).toEqual({ receive: 1, protocol: 9 });
  });
});

describe("what is measured", () => {
  test("from the first operation to the last, not while waiting for a load", () => {
    const spend = (section: number, periods: number) => {
      sampler.words[SECTION] = section;
      sampler.pass(periods);
      sampler.words[SECTION] = OTHER;
    };
    spend(IDLE, 500);
    profiler.progress(100, 0, NO_COUNTS);
    spend(PROTOCOL, 60);
    profiler.progress(200, 10, { signed: 10, roots: 2, verified: 1, cached: 0 });
    // A pause in between counts.
    spend(IDLE, 20);
    profiler.progress(300, 10, { signed: 11, roots: 3, verified: 1, cached: 0 });
    spend(PROTOCOL, 20);
    profiler.progress(400, 30, { signed: 40, roots: 4, verified: 2, cached: 5 });
    spend(IDLE, 900);
    profiler.progress(500, 30, { signed: 40, roots: 4, verified: 9, cached: 9 });
    expect(profiler.result()).toMatchObject({
      shares: { protocol: 0.8, idle: 0.2, receive: 0 },
      seconds: 0.3,
      operations: 30,
      signatures: { signed: 40, roots: 4, verified: 2, cached: 5 },
    });
  });

  test("nothing, if no operation was done", () => {
    sampler.pass(5);
    profiler.progress(100, 0, NO_COUNTS);
    expect(profiler.result()).toBeUndefined();
  });

  test("waiting for checks and signatures, by the clock of turns", () => {
    const clock = new FakeClock();
    const stage = new FakeStage();
    const profiled = new ProfiledStage(stage, profiler, clock);
    const proof = { signer: 0, signed: Buffer.from("12345vote"), signature: new Uint8Array(69) };
    stage.cached.set("known", true);
    const known = { ...proof, signed: Buffer.from("12345known") };
    const results: boolean[] = [];
    profiled.verify([proof], null, (valid) => results.push(valid));
    profiled.verify([known], null, (valid) => results.push(valid));
    profiled.sign(new Uint8Array(3), null, () => {});
    clock.now += 2;
    stage.finish("vote", false);
    clock.now += 3;
    stage.signing[0]?.();
    expect(results).toEqual([true, false]);
    sampler.pass(1);
    profiler.progress(100, 1, NO_COUNTS);
    expect(profiler.result()?.waits).toEqual({
      ...{ checks: 2, checkUs: 1000, signs: 1, signUs: 5000 },
    });
  });
});

describe("in words", () => {
  const shares = Object.fromEntries(SECTION_NAMES.map((name) => [name, 0])) as Profile["shares"];
  const profile: Profile = {
    shares: { ...shares, protocol: 0.25, idle: 0.75 },
    seconds: 2,
    operations: 1000,
    signatures: NO_COUNTS,
    waits: { checks: 0, checkUs: 0, signs: 0, signUs: 0 },
  };

  test("without signatures", () => {
    expect(formatProfile(profile)).toMatchInlineSnapshot(
      `"time (% of 2.0 s): other 0.0, receive 0.0, decode 0.0, check 0.0, protocol 25.0, encode 0.0, send 0.0, help 0.0, idle 75.0"`,
    );
  });
  test("with signatures", () => {
    const signatures = { signed: 1500, roots: 30, verified: 250, cached: 1750 };
    const waits = { checks: 2000, checkUs: 61.4, signs: 1500, signUs: 90 };
    expect(formatProfile({ ...profile, signatures, waits })).toMatchInlineSnapshot(`
      "time (% of 2.0 s): other 0.0, receive 0.0, decode 0.0, check 0.0, protocol 25.0, encode 0.0, send 0.0, help 0.0, idle 75.0
      signatures an operation: 1.500 messages signed by 0.030 signatures (90 us each), 2.000 checked, 0.250 of them in full (61 us a message)"
    `);
  });
});

const missing = libraries();

describeUnless(missing)("real processes", () => {
  const configs = new ConfigDirectory();
  const dir = configs.path;

  test(
    "replica and client tell where their time went",
    async () => {
      const [port = 0] = await freePorts(1);
      const prefix = configs.config("udp", "f 0", `replica 127.0.0.1:${port}%0`);
      const common = ["-m", "unreplicated", "-c", prefix, "--profile", "--json"];
      const replica = program("replica", ["-i", "0", ...common, join(dir, "replica.json")]);
      await replica.printed("replica 0 of 1");
      const args = ["-d", "0.5", "--warm", "0.1", ...common, join(dir, "client.json")];
      const client = await run("client", args);
      replica.signal("SIGTERM");
      const { status, out } = await replica.ended();
      expect({ status, client: client.status }).toEqual({ status: 0, client: 0 });
      const read = <R>(name: string) => JSON.parse(readFileSync(join(dir, name), "utf8")) as R;
      for (const [text, { profile }] of [
        [out, read<ReplicaRecord>("replica.json")],
        [client.out, read<ResultRecord>("client.json")],
      ] as const) {
        expect(text).toContain("time (% of ");
        expect(profile?.operations).toBeGreaterThan(0);
        expect(profile?.seconds).toBeGreaterThan(0);
        const values = Object.values(profile?.shares ?? {});
        expect(values).toHaveLength(SECTION_NAMES.length);
        expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
        expect(values.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 9);
      }
    },
    PATIENCE_MS,
  );
});
