// A recording keeps what replicas sent each other message by message, and plays it to all.

import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { messagesIn, Recording } from "../../src/process/recording.ts";
import { CLIENT } from "../../src/process/udp-switch.ts";

const dir = mkdtempSync(join(tmpdir(), "oskr-recording-"));
afterAll(() => rmSync(dir, { recursive: true }));

const MESSAGE = Uint8Array.of(0, 1, 2, 3, 40, 5);
const PART = Uint8Array.of(1, 1, 2, 3, 4, 5);
/** Messages of kinds 4 and 41, which share a datagram. */
const JOINED = Uint8Array.of(2, ...[1, 2, 3, 4], ...[1, 2, 3, 41, 9], ...[0, 4], ...[0, 5], 2);

test("messages of a datagram become datagrams of their own", () => {
  expect(messagesIn(MESSAGE)).toEqual([MESSAGE]);
  expect(messagesIn(PART)).toEqual([PART]);
  expect(messagesIn(JOINED)).toEqual([
    Uint8Array.of(0, 1, 2, 3, 4),
    Uint8Array.of(0, 1, 2, 3, 41, 9),
  ]);
  expect(messagesIn(Uint8Array.of(2, 1, 2, 255))).toEqual([]);
  expect(messagesIn(JOINED.slice(0, 8))).toEqual([]);
});

test("what was wanted is sent to all others at the rate, from when the file is there", () => {
  const path = join(dir, "sign");
  const recording = new Recording({ path, kinds: [4, 40], perSecond: 1000 });
  recording.add(1, 2, JOINED);
  recording.add(CLIENT, 0, MESSAGE);
  recording.add(0, 3, MESSAGE);
  const sent: string[] = [];
  const hub = {
    inject: (from: number, to: number, bytes: Uint8Array) => {
      sent.push(`${from}-${to} ${bytes[4]}`);
    },
  };
  expect(recording.replay(100, hub, 4)).toBe(0);
  writeFileSync(path, "");
  expect(recording.replay(110, hub, 4)).toBe(0);
  expect(recording.replay(200, hub, 4)).toBe(0);
  expect(recording.replay(202, hub, 4)).toBe(2);
  const expected = ["0-1 40", "0-2 40", "0-3 40", "1-0 4", "1-2 4", "1-3 4"];
  expect(sent.sort()).toEqual(expected);
  recording.add(0, 3, MESSAGE);
  expect(recording.replay(206, hub, 4)).toBe(4);
  expect(recording.replayed).toBe(6);
});
