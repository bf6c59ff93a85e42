// The command line of npm run attack chooses attacks, and refuses names that none has.

import { describe, expect, test } from "bun:test";
import { ATTACK, readRows, refuseUnfit } from "../../src/attack/attack.ts";
import { ATTACK_ROWS } from "../../src/attack/attack-rows.ts";
import { craftedFor, MODES } from "../../src/attack/crafted.ts";
import { STRANGERS } from "../../src/attack/strangers.ts";
import { parseOptions } from "../../src/cli/command-line.ts";
import { protocols } from "../../src/protocol/index.ts";
import { makeBatch } from "../../src/protocol/kit/batch.ts";
import { bytesOf, Reader } from "../../src/wire.ts";

const named = (...argv: readonly string[]) =>
  readRows(parseOptions(ATTACK, argv)).map(({ name }) => name);

describe("attacks", () => {
  test("are all of them, unless some are named", () => {
    expect(named()).toEqual(ATTACK_ROWS.map(({ name }) => name));
    expect(named("--only", "fetches,fragments")).toEqual(["fetches", "fragments"]);
    expect(() => named("--only", "none")).toThrow("--only none: no such attack; there are ");
    expect(() => named("--only", "fetches,fetches")).toThrow("--only: fetches was given twice");
  });

  test("that no mode can have are refused if they are named", () => {
    const rotating = ATTACK_ROWS.filter((row) => row.rotating === true);
    expect(rotating).not.toEqual([]);
    expect(() => refuseUnfit(rotating, ["pbft"])).toThrow("pbft has no rotating leaders");
    refuseUnfit(rotating, MODES);
    refuseUnfit(ATTACK_ROWS.slice(0, 1), ["pbft"]);
  });

  test("in namespaces are those of strangers", () => {
    const apart = named("--namespaces");
    expect(apart).toContain("reflected-opens");
    expect(apart).not.toContain("earlier-run");
    expect(apart).not.toContain("slow-leader");
    expect(() => named("--namespaces", "--only", "slow-leader")).toThrow(
      "--only slow-leader: only strangers attack with --namespaces",
    );
  });

  test("in CI are fewer, of each row that strangers can try", () => {
    const fewer = named("--ci");
    expect(fewer.length).toBeLessThan(ATTACK_ROWS.length);
    expect(named("--ci", "--only", "many-sessions")).toEqual(["many-sessions"]);
  });

  test("have names of their own, and the strangers that they name", () => {
    expect(new Set(named()).size).toBe(ATTACK_ROWS.length);
    const summoned = ATTACK_ROWS.flatMap(({ trial }) =>
      "duel" in trial && trial.duel.stranger !== null ? [trial.duel.stranger] : [],
    );
    expect(summoned.filter((name) => !STRANGERS.has(name))).toEqual([]);
  });
});

test.each(MODES)(
  "what strangers of %s make up decodes, so that it costs more than a kind",
  (mode) => {
    const codec = protocols.get(mode)?.codec;
    const crafted = craftedFor(mode);
    const batch = makeBatch([], []);
    const messages = [
      ...[crafted.batch(batch), crafted.fetch(batch, 7), crafted.behind()],
      crafted.forgedProposal(1, 7),
    ];
    for (const message of messages) {
      const bytes = bytesOf((out) => codec?.encode(message, out));
      const decoded = codec?.decode(new Reader(bytes)) ?? null;
      expect(decoded).not.toBeNull();
      if (decoded !== null)
        expect(decoded).toMatchObject({ kind: "kind" in message && message.kind });
    }
  },
);
