// Codecs and live nodes of every protocol stand mutated packets; campaigns do it at length.

import { expect, setDefaultTimeout, test } from "bun:test";
import { fuzzCodec, mutatePacket, PACKETS_A_SEED } from "../../src/simulation/fuzz.ts";
import { Random } from "../../src/base/seeded-random.ts";
import { runAny } from "../../src/simulation/runner.ts";
import { subjectOf } from "../../src/simulation/subject.ts";
import { registered } from "../../src/simulation/subjects.ts";
import { unreplicated } from "../../src/protocol/unreplicated/index.ts";
import { PATIENCE_MS } from "../support/patience.ts";

setDefaultTimeout(PATIENCE_MS);

for (const subject of registered.values()) {
  test(`${subject.name}: 5,000 mutated packets decode to null or to a message with one wire form`, () => {
    let decoded = 0;
    for (let seed = 0; seed < 5; seed++) {
      const report = fuzzCodec({ subject, kind: "codec", seed });
      expect({ seed, failures: report.failures }).toEqual({ seed, failures: [] });
      decoded += report.injected.get("mutated packets that decode") ?? 0;
    }
    // Enough of them get past the first bytes.
    expect(decoded).toBeGreaterThan((5 * PACKETS_A_SEED) / 20);
  });

  test(`${subject.name}: live nodes stand a network that corrupts a third of all packets`, () => {
    let corrupted = 0;
    for (let seed = 0; seed < 4; seed++) {
      const report = runAny({ subject, kind: "fuzz", seed });
      expect({ seed, failures: report.failures }).toEqual({ seed, failures: [] });
      corrupted += report.injected.get("corrupted") ?? 0;
    }
    expect(corrupted).toBeGreaterThan(0);
  });
}

test("a codec that throws is found", () => {
  const { codec } = unreplicated;
  const broken: typeof unreplicated = {
    ...unreplicated,
    codec: {
      ...codec,
      decode: (input) => {
        const message = codec.decode(input);
        if (message?.kind === "reply" && message.number === 0xff) throw new Error("boom");
        return message;
      },
    },
  };
  const subject = subjectOf("throws", broken);
  const seeds = Array.from({ length: 40 }, (_, seed) => seed);
  const found = seeds.some((seed) =>
    fuzzCodec({ subject, kind: "codec", seed }).failures.some((what) => what.includes("boom")),
  );
  expect(found).toBe(true);
});

test("mutation changes nearly every packet and never grows it beyond a frame", () => {
  const random = new Random(1, "mutation");
  const packet = random.bytes(1490);
  let same = 0;
  for (let i = 0; i < 1000; i++) {
    const mutated = mutatePacket(random, [packet]);
    expect(mutated.length).toBeLessThanOrEqual(1497);
    if (Buffer.compare(mutated, packet) === 0) same++;
  }
  expect(same).toBeLessThan(200);
});
