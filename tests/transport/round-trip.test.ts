// Shows when an answer of a host is late, by how long answers of it took.

import { expect, test } from "bun:test";
import { RoundTrip } from "../../src/transport/round-trip.ts";

function delays(trip: RoundTrip): number[] {
  return Array.from({ length: 9 }, (_, tries) => Math.round(trip.lateMs(tries)));
}

test("unmeasured, twenty milliseconds are late, and twice as many each further time", () => {
  const trip = new RoundTrip();
  expect(trip.known).toBe(false);
  expect(delays(trip)).toEqual([20, 40, 80, 160, 320, 640, 1280, 2560, 5120]);
});

test("short round trips are late after two milliseconds, and no host is given up sooner", () => {
  const trip = new RoundTrip();
  for (let i = 0; i < 40; i++) trip.measured(0.3, 0.3);
  expect(delays(trip)).toEqual([2, 8, 32, 128, 320, 640, 1280, 2560, 5120]);
  expect(trip.meanMs).toBeCloseTo(0.3);
});

test("long round trips are late by their mean and deviation, half a second at most", () => {
  const trip = new RoundTrip();
  trip.measured(100, 100);
  expect(trip.lateMs(0)).toBe(300);
  for (let i = 0; i < 40; i++) trip.measured(100, 100);
  expect(delays(trip).slice(0, 3)).toEqual([100, 200, 400]);
  trip.measured(9000, 9000);
  expect(trip.lateMs(0)).toBe(500);
});

test("what comes soon after it was asked for again answers the first question", () => {
  const trip = new RoundTrip();
  for (let i = 0; i < 40; i++) trip.measured(10, 10);
  trip.measured(80, 10);
  expect(trip.meanMs).toBeCloseTo(10);
  trip.measured(50, 4);
  expect(trip.meanMs).toBeCloseTo(15);
});
