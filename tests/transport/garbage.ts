// Packets that nobody honest sends: counted by reason, harmless to everything else.

import { equal, ok } from "node:assert/strict";
import type { Bytes } from "../../src/actor.ts";
import { bytesOf, MESSAGE_MAX } from "../../src/wire.ts";
import type { Case } from "./cases.ts";
import { all, pass, ARRIVAL_TIMEOUT_MS, pattern, until, type Medium } from "./medium.ts";

const FRAGMENT_HEADER = 17;

interface Header {
  readonly number: number;
  readonly index: number;
  readonly count: number;
  readonly length: number;
}

function fragment({ number, index, count, length }: Header, data: Bytes): Bytes {
  return bytesOf((out) => {
    out.u8(0);
    out.u53(number);
    out.u16(index);
    out.u16(count);
    out.u32(length);
    out.bytes(data);
  });
}

/** A message of three fragments; `size` is what each but the last holds. */
function three(medium: Medium, number: number): { parts: readonly Bytes[]; size: number } {
  const size = medium.a.transport.payloadMax - FRAGMENT_HEADER;
  const length = 2 * size + 10;
  const whole = pattern(length, number);
  const parts = [0, 1, 2].map((index) =>
    fragment({ number, index, count: 3, length }, whole.subarray(index * size, (index + 1) * size)),
  );
  return { parts, size };
}

function inject(medium: Medium, payload: Bytes, source = 5): void {
  medium.inject({ destination: 0, source, part: true, payload });
}

/** Does something, and waits until replica 0's host has counted it so many times. */
function counted(medium: Medium, reason: string, times: number, act: () => void): void {
  const count = () => medium.drops().get(reason) ?? 0;
  const before = count();
  act();
  until(medium, `${times} were counted as '${reason}'`, () => count() >= before + times);
  equal(count(), before + times);
}

/** That a client is still served. */
function serves(medium: Medium): void {
  let back = 0;
  const id = medium.client.listen((_from, input) => (back = input.remaining));
  medium.a.handler = (from, input) => medium.a.send(0, from, all(input));
  medium.client.send(id, 0, pattern(5000, 1));
  until(medium, "a client is served", () => back === 5000);
}

function calm(name: string, run: (medium: Medium) => void): Case {
  const guarded = (medium: Medium): void => {
    medium.a.handler = () => ok(false, "garbage was delivered");
    run(medium);
    serves(medium);
  };
  return { name, rough: false, needs: null, run: guarded };
}

export const garbageCases: readonly Case[] = [
  {
    ...calm("what is no packet at all is counted", (medium) => {
      ok(medium.foreign.length > 0);
      for (const { reason, send } of medium.foreign) counted(medium, reason, 1, send);
    }),
    needs: "foreign",
  },

  {
    ...calm(
      "a poll that brought garbage alone brought something: more may lie behind it",
      (medium) => {
        for (const { reason, send } of medium.foreign) {
          const before = medium.drops().get(reason) ?? 0;
          const endMs = medium.now() + ARRIVAL_TIMEOUT_MS;
          let brought = 0;
          send();
          while ((medium.drops().get(reason) ?? 0) === before) {
            if (medium.now() > endMs) throw new Error(`waited in vain for '${reason}'`);
            brought = medium.a.transport.poll();
          }
          ok(brought > 0, reason);
        }
      },
    ),
    needs: "foreign",
  },

  calm("packets for ids that nobody has are counted", (medium) =>
    counted(medium, "unknown id", 3, () => {
      for (const destination of [1, 127, 32_767]) {
        medium.inject({ destination, source: 0, part: false, payload: pattern(40, 1) });
      }
    }),
  ),

  calm("random bytes as a fragment are counted", (medium) => {
    const reasons = ["malformed fragment", "unknown fragments requested"];
    const total = () => reasons.reduce((sum, name) => sum + (medium.drops().get(name) ?? 0), 0);
    const before = total();
    for (let i = 0; i < 40; i++) inject(medium, pattern(i * 7, i));
    until(medium, "all were counted", () => total() === before + 40);
  }),

  calm("every truncation of a fragment is counted", (medium) => {
    const [first = new Uint8Array(0)] = three(medium, 77).parts;
    const cuts = [...Array(FRAGMENT_HEADER + 1).keys(), first.length - 1];
    counted(medium, "malformed fragment", cuts.length, () => {
      for (const cut of cuts) inject(medium, first.subarray(0, cut));
    });
  }),

  calm("fragments whose headers do not fit themselves are counted", (medium) => {
    const { parts, size } = three(medium, 78);
    const [first = new Uint8Array(0)] = parts;
    const length = 2 * size + 10;
    const data = pattern(size, 1);
    const good = { number: 78, index: 1, count: 3, length };
    const bad: readonly Bytes[] = [
      fragment({ ...good, count: 0, index: 0 }, data),
      fragment({ ...good, count: 1, index: 0, length: size }, data),
      fragment({ ...good, index: 3 }, data),
      fragment({ ...good, count: 4 }, data),
      fragment({ ...good, count: 65_535, length: 65_535 }, data),
      fragment({ ...good, length: length + size }, data),
      fragment({ ...good, length: length + 1 }, data.subarray(1)),
      fragment(
        { ...good, length: MESSAGE_MAX + 1, count: Math.ceil(MESSAGE_MAX / size) + 1 },
        data,
      ),
      fragment({ ...good, index: 2 }, data),
      fragment({ ...good, index: 2 }, new Uint8Array(0)),
    ];
    counted(medium, "malformed fragment", bad.length, () => {
      inject(medium, first);
      for (const bytes of bad) inject(medium, bytes);
    });
  }),

  calm("a fragment for another id, or of another length, completes nothing", (medium) => {
    const { parts, size } = three(medium, 79);
    const [first = new Uint8Array(0), second = new Uint8Array(0), third = new Uint8Array(0)] =
      parts;
    const other = { number: 79, index: 1, count: 3, length: 2 * size + 11 };
    // A number may have one message for another id, and no third one.
    counted(medium, "malformed fragment", 1, () => {
      inject(medium, first);
      inject(medium, third);
      inject(medium, fragment(other, pattern(size, 1)));
      for (const destination of [3, 2]) {
        medium.inject({ destination, source: 5, part: true, payload: second });
      }
    });
  }),

  calm("requests for what was never sent are counted", (medium) => {
    const request = (number: number) =>
      bytesOf((out) => {
        out.u8(1);
        out.u53(number);
        out.bytes(Uint8Array.of(255, 255));
      });
    counted(medium, "unknown fragments requested", 2, () => {
      inject(medium, request(1));
      inject(medium, request(2 ** 53 - 1));
    });
  }),

  calm("messages that never complete are given up and counted", (medium) => {
    const { a } = medium;
    const before = a.drops("incomplete message");
    for (let i = 0; i < 10; i++) {
      inject(medium, three(medium, 1000 + i).parts[0] ?? pattern(1, 1), 6);
    }
    medium.hurry(50);
    until(medium, "all were given up", () => a.drops("incomplete message") >= before + 10);
    medium.hurry(1);
  }),

  calm("repeated fragments deliver a message once", (medium) => {
    let count = 0;
    medium.a.handler = () => count++;
    const { parts } = three(medium, 5000);
    for (let round = 0; round < 3; round++) {
      for (const part of parts) {
        inject(medium, part);
        inject(medium, part);
      }
    }
    until(medium, "it came", () => count > 0);
    pass(medium, 50);
    equal(count, 1);
  }),
];
