// Shows that a play is the same run however it is cut into parts, that a seed's is the seed's own
// run, that actions do what they say, and that its text and its script are the same play.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { actionText, playText, readPlay } from "../../src/simulation/play-link.ts";
import { PlayRun } from "../../src/simulation/play-run.ts";
import { playScript } from "../../src/simulation/play-script.ts";
import { usualPlay, withAction, type Play } from "../../src/simulation/play.ts";
import { runAny } from "../../src/simulation/runner.ts";
import { registered } from "../../src/simulation/subjects.ts";
import type { Kind } from "../../src/simulation/subject.ts";
import { tourOf } from "../../src/view/playground/tours.ts";
import { simulate } from "../support/simulate-command.ts";
import { PATIENCE_MS } from "../support/patience.ts";

setDefaultTimeout(PATIENCE_MS);

const subjects = [...registered.values()];
const pbft = registered.get("pbft")!;

function played(text: string): PlayRun {
  const { play, subject, problems } = readPlay(text, subjects);
  expect(problems).toEqual([]);
  const run = new PlayRun(subject, play);
  run.advance(Infinity);
  return run;
}

const hashOf = ({ world }: PlayRun): string => world.scheduler.traceHash;

const ACTIONS = [
  ...["60:crash:r0", "200:start:r0", "300:pause:r1:30", "400:cut:r2", "450:join:r2"],
  ...["500:twin:r3", "520:byzantine:r3:equivocate+selective-silence", "600:ask:5"],
].join(",");
const EVENTFUL = `protocol=pbft&seed=3&latency=1-3&loss=1&actions=${ACTIONS}`;

test.each(
  ["pbft", "vr"].flatMap((name) => registered.get(name)!.kinds.map((kind) => [name, kind])),
)("a play of a seed is that seed's run: %s, %s", (protocol, named) => {
  const subject = registered.get(protocol)!;
  const kind = named as Kind;
  const text = `protocol=${protocol}&kind=${kind}&seed=4`;
  if (kind === "codec") return expect(readPlay(text, subjects).problems).toHaveLength(1);
  const { world } = played(text);
  const { traceHash, failures } = runAny({ subject, kind, seed: 4 });
  expect(world.scheduler.traceHash).toBe(traceHash);
  expect(world.failures).toEqual([...failures]);
});

test("how a run is cut into parts changes nothing", () => {
  const whole = played(EVENTFUL);
  const { play } = readPlay(EVENTFUL, subjects);
  const parts = new PlayRun(pbft, play);
  let events = 0;
  for (let us = 0; !parts.over; us += 777) parts.advance(us, () => ++events % 7 !== 0);
  expect(hashOf(parts)).toBe(hashOf(whole));
  expect(parts.done).toEqual(whole.done);
  expect(whole.done.every(({ did }) => did)).toBe(true);
});

test("an action of the present is the same as one that the play had from the beginning", () => {
  const { play } = readPlay("protocol=pbft&seed=3", subjects);
  const live = new PlayRun(pbft, play);
  live.advance(70_000);
  const action = { atUs: 70_000, verb: "crash", target: "r0", value: "" } as const;
  live.plan(withAction(play.actions, action));
  live.advance(Infinity);
  expect(hashOf(live)).toBe(hashOf(played(`protocol=pbft&seed=3&actions=${actionText(action)}`)));
});

test("a message is dropped, or delayed, by its number while it is under way", () => {
  const calm = played("protocol=pbft&seed=3&end=100");
  const dropped = played("protocol=pbft&seed=3&end=100&actions=0:drop:0,0:delay:1:5,99:drop:0");
  expect(dropped.done.map(({ did }) => did)).toEqual([true, true, false]);
  expect(hashOf(dropped)).not.toBe(hashOf(calm));
});

test("a leader that crashes is followed by another, and one without memory comes back", () => {
  const { world } = played("protocol=pbft&seed=1&actions=60:crash:r0,400:start:r0");
  expect(world.failures).toEqual([]);
  expect(world.replicas.every(({ replica }) => (replica?.census().view ?? 0) > 0)).toBe(true);
  expect(world.completed).toBe(20);
});

test("one that is cut off lags behind until it joins again", () => {
  const executed = (text: string) =>
    played(text).world.replicas.map(({ replica }) => replica!.census().executed);
  const apart = executed("protocol=pbft&seed=1&end=300&actions=40:cut:r3");
  expect(apart[3]).toBeLessThan(apart[0]!);
  const again = executed("protocol=pbft&seed=1&end=900&actions=40:cut:r3,300:join:r3");
  expect(again[3]).toBe(again[0]!);
});

test("more liars than are tolerated break what is judged", () => {
  const broken = Array.from({ length: 20 }, (_, seed) => {
    const lies = [1, 2, 3].map((i) => `60:byzantine:r${i}:equivocate+mutate+cross-type`).join(",");
    return played(`protocol=pbft&seed=${seed}&operations=60&actions=${lies}`).world.failures;
  });
  expect(broken.flat().length).toBeGreaterThan(0);
});

describe("the text of a play", () => {
  test("reads back as it was written", () => {
    const play: Play = {
      ...usualPlay(pbft),
      ...{ seed: 7, n: 7, clients: 3, operations: 9, thinkMs: 2.5, latencyMs: [0.5, 3] },
      ...{ lossPercent: 1.5, timeoutMs: 40, auth: "sign", endMs: 900 },
      actions: [
        { atUs: 10_500, verb: "byzantine", target: "r2", value: "cross-type+selective silence" },
        { atUs: 11_001, verb: "delay", target: "88", value: "2.5" },
        { atUs: 11_001, verb: "drop", target: "89", value: "" },
      ],
    };
    const read = readPlay(`#${playText(play, pbft, 12_345)}`, subjects);
    expect(read).toEqual({ play, subject: pbft, atUs: 12_345, problems: [] });
  });

  test.each([
    ["protocol=pbtf", "there is no protocol 'pbtf': this is pbft"],
    ["protocol=pbft&n=5.5", "n=5.5 is no whole number: this is 6"],
    ["protocol=pbft&n=17", "n is from 1 to 16, and not 17: this is 16"],
    ["protocol=pbft&loss=200", "loss is from 0 to 90, and not 200: this is 90"],
    ["protocol=pbft&latency=5-1", "latency=5-1 is the wrong way round: this is 1-5"],
    ["protocol=vr&kind=twins", "kind is one of calm, short, deep, splits, fuzz, and not 'twins'"],
    ["protocol=pbft&colour=red", "there is no 'colour', only protocol, kind"],
    ["protocol=pbft&actions=5:fly:r0", "an action is one of crash, start"],
    ["protocol=pbft&actions=5:crash:r9", "there is no process 'r9'; '5:crash:r9' is left out"],
    ["protocol=pbft&actions=soon:crash:r0", "'soon' is no time in milliseconds"],
    ["protocol=pbft&actions=5:byzantine:r0:charm", "there is no trick 'charm'"],
    ["protocol=vr&actions=5:byzantine:r0:silence", "replicas of vr are taken to be honest"],
    ["protocol=pbft&at=later", "at=later is no time"],
    ["protocol=%E0%A4%A", "'protocol=%E0%A4%A' is malformed"],
    ["protocol=pbft&seed=1&seed=2", "'seed' is there twice: the first counts"],
  ])("%s says what is wrong, and gives the nearest play", (text, problem) => {
    const { play, subject, problems } = readPlay(text, subjects);
    expect(problems.join("; ")).toContain(problem);
    expect(readPlay(playText(play, subject), subjects)).toMatchObject({ play, problems: [] });
  });
});

test.each([
  ["of a calm cluster", EVENTFUL],
  ["of a seed", "protocol=pbft&kind=short&seed=5&actions=20:crash:r1,60:start:r1"],
])("a play %s is a scenario script with the same trace hash", (_, text) => {
  const { play, subject } = readPlay(text, subjects);
  const run = played(text);
  const actions = run.done.filter(({ did }) => did).map(({ action }) => action);
  const { nowUs } = run.world.scheduler;
  const script = playScript(play, subject, actions, play.kind === "calm" ? 2e6 : nowUs);
  expect(script).toContain(`> hash\n          ${hashOf(run)}\n`);
  expect(script).not.toContain("VIOLATION");
});

describe("a tour", () => {
  test.each(subjects.map((subject) => [subject.name, subject] as const))(
    "of %s has four runs within what is tolerated, but where the only replica forgets",
    (_, subject) => {
      const stops = tourOf(subject);
      expect(stops).toHaveLength(4);
      const [normal, dies, back, fourth] = stops.map(({ link }) => played(link));
      for (const run of [normal!, dies!, fourth!]) expect(run.world.failures).toEqual([]);
      expect(normal!.world.completed).toBe(12);
      for (const run of [dies!, back!, fourth!]) {
        expect(run.done.map(({ did }) => did)).not.toContain(false);
      }
      if (subject.protocol.faults === "none") return;
      expect(back!.world.failures).toEqual([]);
      for (const run of [dies!, back!, fourth!]) expect(run.world.completed).toBe(24);
      const views = dies!.world.correct().map(({ replica }) => replica!.census().view);
      expect(Math.min(...views)).toBeGreaterThan(0);
      if (subject.byzantine) {
        const { injected } = fourth!.report();
        expect(injected.get("trick: equivocate") ?? 0).toBeGreaterThan(0);
      }
    },
  );
});

describe("npm run simulate -- --play", () => {
  test("runs a link again, with the same trace hash", async () => {
    const { status, stdout } = await simulate(`--play "http://127.0.0.1/#${EVENTFUL}"`);
    expect(stdout).toContain(`trace hash ${hashOf(played(EVENTFUL))}`);
    expect(stdout).toContain("1 passed, 0 failed");
    expect(status).toBe(0);
  });

  test("refuses what is malformed, and what goes without it", async () => {
    const malformed = await simulate("--play protocol=pbft&loss=200");
    expect(malformed.stderr).toContain("--play: loss is from 0 to 90");
    expect(malformed.status).toBe(2);
    const both = await simulate("--play protocol=pbft --seed 3");
    expect(both.stderr).toContain("--seed: goes without --play");
  });
});
