// Shows that a process publishes its census ten times a second, whatever it has dropped, and that
// nobody takes something else for one.

import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  mostFrequent,
  publishCensus,
  readClientCensus,
  readReplicaCensus,
  type PublishedReplica,
} from "../../src/process/census-page.ts";
import { SharedPage } from "../../src/process/shared-page.ts";
import { FakeClock } from "../support/fakes.ts";

const dir = mkdtempSync(join(tmpdir(), "oskr-census-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const census = {
  ...{
    mode: "pbft",
    f: 1,
    view: 3,
    leader: 1,
    committed: 20,
    executed: 7,
    phase: "running",
    recovered: false,
  },
};

test("a replica's census is renewed ten times a second, and not more often", () => {
  const path = join(dir, "replica");
  const clock = new FakeClock();
  let told = 0;
  publishCensus<PublishedReplica>(new SharedPage(path), {
    clock,
    native: { oskr_monotonic_ns: () => clock.now * 1e6 },
    tell: () => ({ ...census, executed: ++told, dropped: { forged: 2 } }),
  });
  expect(readReplicaCensus(path)).toMatchObject({ executed: 1, view: 3, pid: process.pid });
  clock.advance(99);
  expect(readReplicaCensus(path)?.executed).toBe(1);
  clock.advance(1);
  const last = readReplicaCensus(path);
  expect(last).toMatchObject({ executed: 2, atMs: clock.now, dropped: { forged: 2 } });
  expect(last?.residentBytes).toBeGreaterThan(1e6);
  for (let second = 0; second < 10; second++) clock.advance(100);
  expect(told).toBe(12);
});

test("many reasons of drops fit a page: the rarest are told together", () => {
  const reasons = Array.from({ length: 400 }, (_, i) => [
    `a reason of its own, number ${i}`,
    i + 1,
  ]);
  const dropped = mostFrequent(Object.fromEntries(reasons));
  expect(Object.keys(dropped)).toHaveLength(13);
  expect(dropped["a reason of its own, number 399"]).toBe(400);
  const sum = Object.values(dropped).reduce((all, count) => all + count, 0);
  expect(sum).toBe((400 * 401) / 2);
  const path = join(dir, "many");
  publishCensus<PublishedReplica>(new SharedPage(path), {
    clock: new FakeClock(),
    native: { oskr_monotonic_ns: () => 0 },
    tell: () => ({ ...census, dropped }),
  });
  expect(readReplicaCensus(path)?.dropped).toEqual(dropped);
});

test("what is of another version, or of another kind of process, is no census", () => {
  const path = join(dir, "other");
  new SharedPage(path).publish(JSON.stringify({ pid: 1, view: 2 }));
  expect(readReplicaCensus(path)).toBeNull();
  publishCensus<PublishedReplica>(new SharedPage(path), {
    clock: new FakeClock(),
    native: { oskr_monotonic_ns: () => 0 },
    tell: () => ({ ...census, dropped: {} }),
  });
  expect(readReplicaCensus(path)).not.toBeNull();
  expect(readClientCensus(path)).toBeNull();
});
