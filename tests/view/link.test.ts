// Shows that every selection has a link that leads back to it, that a link which is wrong says so and
// leads to the nearest thing, and that searches show what they say.

import { describe, expect, test } from "bun:test";
import { findSubject } from "../../src/campaign/mutants.ts";
import { recordRun } from "../../src/view/record-run.ts";
import { linkOf, NOTHING, readLink, type Shown } from "../../src/view/page/link.ts";
import { readFilter } from "../../src/view/page/message-filter.ts";
import { RunModel } from "../../src/view/page/run-model.ts";

const subject = findSubject("pbft", {});
const telling = { command: "npm run simulate", note: "" };
const { data } = recordRun({ subject, kind: "short", seed: 1 }, telling);
const model = new RunModel(data);
const last = model.count - 1;

const selections: readonly Shown[] = [
  NOTHING,
  { ...NOTHING, chosen: { what: "message", index: 0 } },
  { ...NOTHING, chosen: { what: "handler", index: 7 }, followed: 2 },
  { chosen: { what: "message", index: last }, followed: 0, search: "r1 & view:0", window: [5, 90] },
];

test.each(selections.map((shown) => [linkOf(model, shown), shown] as const))(
  "%j leads back",
  (link, shown) => expect(readLink(model, link)).toEqual({ shown, problems: [] }),
);

describe("links that are wrong", () => {
  test.each([
    ["#message=99999999", "messages 0 to", last],
    ["#message=x", "messages 0 to", 0],
    ["#message=-3", "messages 0 to", 0],
  ])("%s gives the nearest message", (link, told, index) => {
    const { shown, problems } = readLink(model, link);
    expect(problems.join(" ")).toContain(told);
    expect(shown.chosen).toEqual({ what: "message", index });
  });

  test.each([
    ["#failure=0", "this run has none"],
    ["#follow=c9%2377", "operation 'c9#77'"],
    ["#time=9-3", "this run lasts"],
    ["#time=a-b", "this run lasts"],
    ["#follow=%E0%A4%A", "malformed"],
    ["#colour=red", "'colour'"],
  ])("%s says what is wrong", (link, told) => {
    const { shown, problems } = readLink(model, link);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(told);
    expect(shown).toEqual(NOTHING);
  });
});

describe("searches", () => {
  const shown = (text: string): number[] => {
    const { test: passes, problem } = readFilter(model, text);
    expect([text, problem]).toEqual([text, null]);
    return [...data.messages.from.keys()].filter((one) => passes === null || passes(one));
  };

  test("an empty one shows all", () => expect(shown(" ")).toHaveLength(model.count));

  test("words hold together", () => {
    const found = shown("prepare from:r1 view:0");
    expect(found.length).toBeGreaterThan(0);
    for (const one of found) {
      expect(model.kindOf(one)).toBe("prepare");
      expect(model.nameOf(data.messages.from[one])).toBe("r1");
      expect(model.contentOf(one).view).toBe(0);
    }
    const others = [...data.messages.from.keys()].filter((one) => !found.includes(one));
    const missed = others.filter(
      (one) =>
        model.kindOf(one) === "prepare" &&
        model.nameOf(data.messages.from[one]) === "r1" &&
        model.contentOf(one).view === 0,
    );
    expect(missed).toEqual([]);
  });

  test("fates, slots, processes and operations", () => {
    expect(shown("is:refused").every((one) => model.fateOf(one).class === "refused")).toBe(true);
    expect(shown("slot:1").every((one) => model.contentOf(one).slot === 1)).toBe(true);
    const { from, to } = data.messages;
    const names = (one: number) => [model.nameOf(from[one]), model.nameOf(to[one])];
    expect(shown("r2").every((one) => names(one).includes("r2"))).toBe(true);
    const [{ name }] = data.operations as [(typeof data.operations)[number]];
    expect(shown(name)).toEqual(shown(`op:${name}`));
    expect(shown(name).every((one) => model.contentOf(one).about.includes(0))).toBe(true);
  });

  test.each(["nonsense", "op:c77#1", "is:blue", "shape:round"])("%s is told", (text) => {
    const { test: passes, problem } = readFilter(model, text);
    expect(problem).not.toBeNull();
    expect(passes?.(0)).toBe(false);
  });
});
