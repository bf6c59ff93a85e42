import { expect, test } from "bun:test";
import { protocols, type AnyProtocol, type Bytes } from "oskr";
import { failuresOf, subjectOf, type SubjectApp } from "oskr/simulation";
import { appProblems, type Random } from "oskr/testing";
import { CounterApp, decodeCount, encodeAdd } from "./counter.ts";

function protocolOf(name: string): AnyProtocol {
  const protocol = protocols.get(name);
  if (protocol === undefined) throw new Error(`no protocol ${name}`);
  return protocol;
}

/** Some are malformed, and some would make a counter overflow. */
function operation(random: Random): Bytes {
  if (random.int(20) === 0) return new Uint8Array(random.int(8));
  return encodeAdd(random.int(40), random.int(3) * random.int(2 ** 32));
}

const app: SubjectApp = { make: () => new CounterApp(), operation };

test("counts", () => {
  const counters = new CounterApp();
  expect(decodeCount(counters.execute(encodeAdd(3, 5)))).toBe(5);
  expect(decodeCount(counters.execute(encodeAdd(3, 0)))).toBe(5);
  expect(decodeCount(counters.execute(new Uint8Array(2)))).toBeNull();
});

test("keeps the rules of an application", () => {
  expect(appProblems({ ...app, runs: 200 })).toEqual([]);
});

test("the rules convict one that forgets to undo", () => {
  class KeepsAll extends CounterApp {
    override rollback(): void {}
  }
  const problems = appProblems({ make: () => new KeepsAll(), operation });
  expect(problems.length).toBeGreaterThan(0);
  expect(problems[0]).toContain("rollback: part ");
});

test.each(["pbft", "vr", "hotstuff"])(
  "is the same at all replicas of %s",
  (name) => {
    const subject = subjectOf(`counter-${name}`, protocolOf(name), app);
    expect(failuresOf(subject, { kind: "short", count: 8 })).toEqual([]);
  },
  60_000,
);
