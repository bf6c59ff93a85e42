// Shows that a run is the same whether its page is recorded or not, that the record has each of its
// messages with what became of it, and that what follows an operation is its own.

import { expect, test } from "bun:test";
import { findSubject } from "../../src/campaign/mutants.ts";
import { isProof } from "../../src/simulation/simulated-packet.ts";
import type { Observer } from "../../src/simulation/observer.ts";
import { runAny } from "../../src/simulation/runner.ts";
import { drawPlan, type Plan } from "../../src/simulation/seed-plan.ts";
import type { Kind } from "../../src/simulation/subject.ts";
import { registered } from "../../src/simulation/subjects.ts";
import { recordRun } from "../../src/view/record-run.ts";
import { MARKS, type ContentData, type RunData } from "../../src/view/run-data.ts";
import { PAST, RunModel } from "../../src/view/page/run-model.ts";

const TELLING = { command: "npm run simulate", note: "" };

function record(protocol: string, kind: Kind, seed: number, max?: number): RunData {
  const subject = findSubject(protocol, {});
  return recordRun({ subject, kind, seed }, TELLING, max).data;
}

/** A run whose requests come whole, to a leader that proposes them as they are. */
function recordWhole(protocol: string, kind: Kind, seed: number): RunData {
  const subject = findSubject(protocol, {});
  const changes = { without: ["broadcast requests"] };
  return recordRun({ subject, kind, seed, changes }, TELLING).data;
}

/** Runs in which requests are broadcast, and nobody names what nobody has. */
function recordNamed(protocol: string): RunData[] {
  const subject = findSubject(protocol, {});
  const fits = ({ broadcastsRequests, faults }: Plan) => broadcastsRequests && faults.length === 0;
  const seeds = Array.from({ length: 100 }, (_, seed) => seed);
  return seeds
    .filter((seed) => fits(drawPlan(subject, "short", seed)))
    .map((seed) => recordRun({ subject, kind: "short", seed }, TELLING).data);
}

/** Bytes of all values that rows tell of. */
function bytesOf(rows: ContentData["fields"]): number {
  const lengths = rows.map(([, text]) => Number(/(\d+) bytes/.exec(text)?.[1] ?? 0));
  return lengths.reduce((sum, length) => sum + length, 0);
}

/** Fates of all messages by class, each with how often. */
function fatesOf({ messages, fates }: RunData): Map<string, number> {
  const found = new Map<string, number>();
  for (const fate of messages.fate) {
    const name = fates[fate]!.class;
    found.set(name, (found.get(name) ?? 0) + 1);
  }
  return found;
}

test.each([...registered.keys()])("%s runs the same when it is recorded", (name) => {
  const subject = findSubject(name, {});
  for (const kind of subject.kinds.filter((one) => one !== "codec")) {
    const options = { subject, kind, seed: 3 };
    const { data, report } = recordRun(options, TELLING);
    expect([kind, data.traceHash]).toEqual([kind, runAny(options).traceHash]);
    expect(data.traceHash).toBe(report.traceHash);
  }
});

test("every message that arrives is there, and what was lost is a cross of its own", () => {
  let arrivals = 0;
  const observer: Observer = {
    arrived: (...[, , , packet]) => void (arrivals += isProof(packet) ? 0 : 1),
    happened: () => {},
  };
  const options = { subject: findSubject("pbft", {}), kind: "short" as const, seed: 81_234 };
  const report = runAny({ ...options, observer });
  const { data } = recordRun(options, TELLING);
  const fates = fatesOf(data);
  const count = (...names: readonly string[]) =>
    names.reduce((sum, name) => sum + (fates.get(name) ?? 0), 0);
  // Some had arrived, and their receiver crashed, or the run ended, while they were checked.
  const unhandled = data.messages.fate.filter((fate) =>
    /being checked|before it handled/.test(data.fates[fate]!.what),
  );
  expect(count("handled", "part", "refused") + unhandled.length).toBe(arrivals);
  const lost = ["lost", "partitioned", "corrupted, caught", "lost by kind", "filtered"];
  const counted = lost.reduce((sum, name) => sum + (report.injected.get(name) ?? 0), 0);
  // Strangers' proofs of address are lost as well, and not shown.
  expect(count("lost")).toBeGreaterThan(0);
  expect(count("lost")).toBeLessThanOrEqual(counted);
  const commits = data.marks.kind.filter((kind) => MARKS[kind] === "commit");
  expect(commits.length).toBeGreaterThanOrEqual(report.operations);
});

test("a message that names operations is shown with them, at the size that it has", () => {
  const runs = recordNamed("pbft");
  const proposals = runs.flatMap(({ contents, kinds }) =>
    contents.filter(
      ({ fields, kind }) => kinds[kind] === "prePrepare" && fields[0]?.[1] === "named by digest",
    ),
  );
  expect(runs.filter(({ kinds }) => kinds.includes("named"))).toEqual([]);
  expect(proposals.length).toBeGreaterThan(0);
  for (const { about, fields } of proposals) {
    expect(about.length).toBeGreaterThan(0);
    expect(fields.length).toBeGreaterThan(3);
  }
  expect(proposals.some(({ size, fields }) => size < bytesOf(fields))).toBe(true);
});

test("what was refused says by which rule, and what was forged that it was", () => {
  const reasons = new Set<string>();
  for (const seed of [81_234, 3, 7]) {
    const { fates } = record("pbft", "adversary", seed);
    for (const { class: name, what } of fates) if (name === "refused") reasons.add(what);
  }
  expect(
    [...reasons].filter((reason) => reason.startsWith("not admitted: ")).length,
  ).toBeGreaterThan(3);
  expect(reasons).toContain("forged");
  expect(reasons).toContain("malformed");
});

test("a message is sent before it arrives, by a call before it, and handled after it", () => {
  const data = record("hotstuff", "short", 4);
  const { from, to, sentUs, endUs, cause, handler, fate, how } = data.messages;
  const { process, atUs, message } = data.handlers;
  let [caused, handled] = [0, 0];
  for (const i of from.keys()) {
    expect(endUs[i]!).toBeGreaterThanOrEqual(sentUs[i]!);
    if (cause[i]! >= 0) {
      caused++;
      expect(process[cause[i]!]).toBe(from[i]!);
      expect(atUs[cause[i]!]!).toBeLessThanOrEqual(sentUs[i]!);
    }
    if (handler[i]! < 0) continue;
    handled++;
    expect(data.fates[fate[i]!]!.class).toBe("handled");
    expect(process[handler[i]!]).toBe(to[i]!);
    expect(message[handler[i]!]).toBe(i);
    expect(atUs[handler[i]!]!).toBeGreaterThanOrEqual(endUs[i]!);
  }
  expect(handled).toBeGreaterThan(100);
  // All that replicas send has a cause; what strangers, transports and replays send has none.
  const own = [...from.keys()].filter((i) => {
    const isReplica = data.processes[from[i]!]!.role === "replica";
    const isPart = data.kinds[data.contents[data.messages.content[i]!]!.kind] === "part";
    return isReplica && !isPart && data.travels[how[i]!] !== "replayed";
  });
  const known = own.filter((i) => cause[i]! >= 0);
  expect(known.length / own.length).toBeGreaterThan(0.99);
  expect(caused).toBeGreaterThan(100);
});

test("an operation of PBFT is followed from its request to its replies, and by nothing else", () => {
  const data = record("pbft", "short", 1);
  const field = (message: number, name: string) => {
    const { fields } = data.contents[data.messages.content[message]!]!;
    return fields.find(([path]) => path === name)?.[1];
  };
  const all = [...data.messages.from.keys()];
  const kindOf = (message: number) =>
    data.kinds[data.contents[data.messages.content[message]!]!.kind]!;
  for (const [index, { name }] of data.operations.entries()) {
    const text = (message: number) =>
      data.contents[data.messages.content[message]!]!.fields.map(([, value]) => value).join("\n");
    const carries = (message: number) => new RegExp(`(?:^|\\n)${name}: `).test(text(message));
    const proposals = all.filter((one) => kindOf(one) === "prePrepare" && carries(one));
    const digests = new Set(proposals.map((one) => field(one, "digest")));
    const votes = all.filter(
      (one) => ["prepare", "commit"].includes(kindOf(one)) && digests.has(field(one, "digest")),
    );
    const about = all.filter((one) =>
      data.contents[data.messages.content[one]!]!.about.includes(index),
    );
    const of = (...kinds: readonly string[]) => about.filter((one) => kinds.includes(kindOf(one)));
    expect([name, of("prepare", "commit")]).toEqual([name, votes]);
    expect([name, of("request").every(carries)]).toEqual([name, true]);
    const replies = of("reply");
    const [request] = of("request");
    if (request === undefined) continue;
    const asked = ["session", "number"].map((part) => field(request, `request.${part}`));
    for (const reply of replies) {
      expect(["session", "number"].map((part) => field(reply, part))).toEqual(asked);
    }
  }
});

test("the past of a commit holds the request that it began with", () => {
  const model = new RunModel(recordWhole("pbft", "short", 1));
  const { marks } = model.data;
  const commit = marks.kind.findIndex((kind) => MARKS[kind] === "commit");
  const operation = marks.operation[commit]!;
  const light = model.light({ what: "handler", index: marks.handler[commit]! }, true);
  const past = [...light.messages.keys()].filter((one) => light.messages[one] === PAST);
  const requests = past.filter(
    (one) => model.kindOf(one) === "request" && model.contentOf(one).about.includes(operation),
  );
  expect(requests.length).toBeGreaterThan(0);
  const direct = model.light({ what: "handler", index: marks.handler[commit]! }, false);
  expect(direct.past).toBeGreaterThan(0);
  expect(direct.past).toBeLessThanOrEqual(light.past);
});

test("of a run that is too long the last messages are kept", () => {
  const whole = record("unreplicated", "short", 2);
  const end = record("unreplicated", "short", 2, 50);
  expect(end.messages.sentUs).toEqual(whole.messages.sentUs.slice(-50));
  expect(end.messages.from).toEqual(whole.messages.from.slice(-50));
  expect(end.skipped).toBe(whole.messages.from.length - 50);
  expect(end.operations.length).toBe(whole.operations.length);
});

test("a crash is a band until the start after it, and views follow each other", () => {
  const data = record("pbft", "short", 81_234);
  const kinds = new Set(data.bands.map(({ kind }) => kind));
  expect(kinds).toContain("view");
  expect(kinds).toContain("down");
  for (const { fromUs, toUs } of data.bands) expect(toUs).toBeGreaterThanOrEqual(fromUs);
  for (const process of data.processes.keys()) {
    const views = data.bands.filter((band) => band.process === process && band.kind === "view");
    for (const [i, { fromUs }] of views.entries()) {
      if (i > 0) expect(fromUs).toBeGreaterThanOrEqual(views[i - 1]!.toUs);
    }
  }
});
