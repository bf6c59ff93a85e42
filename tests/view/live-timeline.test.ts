// Shows what the timeline of a cluster says of what was done to it.

import { expect, test } from "bun:test";
import type { LiveReplica } from "../../src/view/live-data.ts";
import { LiveTimeline } from "../../src/view/live-timeline.ts";

function replica(view: number, phase = "running", recovered = false): LiveReplica {
  return {
    state: "up",
    census: {
      ...{ view, leader: view % 4, leads: false, committed: 1, executed: 1, phase, recovered },
      ...{ residentBytes: 1, cpuMs: 1, cpuShare: 0, dropped: [] },
    },
  };
}

const texts = (timeline: LiveTimeline): string[] => timeline.events.map(({ text }) => text);
const calm = { replicas: [replica(0), replica(0)], gaps: [] };

/** One that was served until 5,000 ms, when its leader is killed. */
function killed(): LiveTimeline {
  const timeline = new LiveTimeline();
  for (let nowMs = 0; nowMs <= 5000; nowMs += 250) {
    timeline.looks({ ...calm, nowMs, completed: nowMs });
  }
  timeline.does(5000, "replica 0 killed");
  return timeline;
}

test("a leader is killed, another leads, and service is back after so long", () => {
  const timeline = killed();
  timeline.looks({ ...calm, nowMs: 5250, completed: 5000 });
  timeline.looks({ nowMs: 5500, replicas: [replica(1)], gaps: [], completed: 5000 });
  const gaps = [{ fromMs: 4998, toMs: 5671 }];
  timeline.looks({ nowMs: 5750, replicas: [replica(1)], gaps, completed: 5100 });
  timeline.looks({ nowMs: 6000, replicas: [replica(1)], gaps, completed: 5300 });
  expect(texts(timeline)).toEqual([
    "replica 0 killed",
    "view 1 begins, which replica 1 leads",
    "service is back, 671 ms after that",
  ]);
});

test("clients that had answers all the time did not notice it", () => {
  const timeline = killed();
  const earlier = [{ fromMs: 1000, toMs: 1900 }];
  for (let nowMs = 5250; nowMs <= 8000; nowMs += 250) {
    timeline.looks({ ...calm, nowMs, completed: nowMs, gaps: earlier });
  }
  expect(texts(timeline)).toEqual([
    "replica 0 killed",
    "clients did not notice: they had answers all the time",
  ]);
});

test("while nobody answers that is said, once, and how long it took when it is over", () => {
  const timeline = killed();
  for (let nowMs = 5250; nowMs <= 12_000; nowMs += 250) {
    timeline.looks({ ...calm, nowMs, completed: 5000 });
  }
  expect(texts(timeline)).toEqual(["replica 0 killed", "no service: clients wait for answers"]);
  const gaps = [{ fromMs: 5001, toMs: 17_345 }];
  timeline.looks({ ...calm, nowMs: 17_500, completed: 5001, gaps });
  expect(texts(timeline).at(-1)).toBe("service is back, 12.3 s after that");
});

test("where leaders take turns a view is no news", () => {
  const timeline = new LiveTimeline();
  let view = 0;
  const look = (nowMs: number): void =>
    timeline.looks({ nowMs, replicas: [replica(view++)], gaps: [], completed: nowMs });
  for (let nowMs = 0; nowMs <= 3000; nowMs += 250) look(nowMs);
  timeline.does(3000, "replica 3 stopped");
  for (let nowMs = 3250; nowMs <= 4000; nowMs += 250) look(nowMs);
  expect(texts(timeline)).toEqual(["replica 3 stopped"]);
});

test("a replica that comes back empty is followed until it takes part", () => {
  const timeline = killed();
  timeline.restarts(6000, 0);
  const phases = ["starting", "starting", "recovering", "running", "running"];
  for (const [i, phase] of phases.entries()) {
    const back = replica(0, phase, phase === "running");
    timeline.looks({ nowMs: 6100 + 100 * i, replicas: [back], gaps: [], completed: 6100 + i });
  }
  expect(texts(timeline).slice(1)).toEqual([
    "replica 0 is starting",
    "replica 0 is recovering",
    "replica 0 recovered, and takes part again, 400 ms after its start",
  ]);
});
