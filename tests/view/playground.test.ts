// Shows in Chromium that the playground runs what Bun runs, that everything can be done to a run by
// pointer, keys and links, and that a link or a command leads to the same run. How many seeds of each
// kind and protocol are compared is OSKR_BROWSER_SEEDS.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { PlayRun } from "../../src/simulation/play-run.ts";
import { readPlay } from "../../src/simulation/play-link.ts";
import { registered } from "../../src/simulation/subjects.ts";
import { runScript } from "../../src/simulation/scenario.ts";
import { judge } from "../../src/view/playground/judge-seeds.ts";
import { playgroundHtml } from "../../src/view/playground-html.ts";
import { Browser, CHROMIUM, type Screen, type Visit } from "../support/browser.ts";
import { describeUnless, program } from "../support/optional.ts";
import { simulate } from "../support/simulate-command.ts";
import { PATIENCE_MS } from "../support/patience.ts";

/** What the functions below that run in the page use of a browser. */
declare const oskrJudge: typeof judge;
declare const document: {
  readonly documentElement: { readonly scrollWidth: number };
  readonly activeElement: { readonly id: string } | null;
};

setDefaultTimeout(PATIENCE_MS);

const SCREEN: Screen = { width: 1300 };
const { OSKR_BROWSER_SEEDS: seedsText = "1" } = process.env;
const SEEDS = Number(seedsText);
const COMPRESSED_MAX = 600_000;

describeUnless(program(CHROMIUM))("the playground in Chromium", () => {
  let dir = "";
  let browser: Browser;
  let html = "";
  const visits: Visit[] = [];
  const visit = async (link = "", screen = SCREEN): Promise<Page> => {
    const visited = await browser.visit(join(dir, "playground.html"), screen, link);
    visits.push(visited);
    await visited.page.waitForSelector("#page[data-ready]");
    return visited.page;
  };
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), "oskr-playground-"));
    html = await playgroundHtml();
    writeFileSync(join(dir, "playground.html"), html);
    browser = await Browser.open();
  }, PATIENCE_MS);
  afterAll(async () => {
    await browser?.close();
    rmSync(dir, { recursive: true, force: true });
  });

  test("the page is one file below 600 KB compressed", () =>
    expect(Bun.gzipSync(html).length).toBeLessThan(COMPRESSED_MAX));

  test.each([...registered.values()].map((subject) => [subject.name, subject] as const))(
    "seeds of %s come to the same verdicts and trace hashes as in Bun",
    async (name, { kinds }) => {
      const page = await visit();
      for (const kind of kinds) {
        const first = 1000;
        const shown = await page.evaluate(
          ([protocol, of, from, count]) => oskrJudge(protocol, of, from, count),
          [name, kind, first, SEEDS] as const,
        );
        expect([kind, ...shown]).toEqual([kind, ...judge(name, kind, first, SEEDS)]);
      }
      await page.close();
    },
    PATIENCE_MS + SEEDS * 60_000,
  );

  test("a click on the leader crashes it, and a view change follows", async () => {
    const page = await visit("#protocol=pbft&seed=1&at=80");
    expect(await page.textContent('[data-process="r0"]')).toContain("leads");
    await page.click('[data-process="r0"]');
    await page.click("#crash");
    expect(await page.textContent('[data-process="r0"]')).toContain("down");
    expect(await page.textContent(".actions")).toContain("80 ms r0 crashes");
    await page.selectOption("#speed", "0");
    await page.click("#play");
    await page.locator('[data-process="r1"]', { hasText: "view 1" }).waitFor();
    await page.locator(".clock", { hasText: "the end" }).waitFor();
    expect(await page.textContent(".kinds")).toContain("viewChange");
    expect(await page.textContent(".verdict")).toContain("passed");
    expect(page.url()).toContain("actions=80:crash:r0");
  });

  test("a lane's name opens what can be done to its process", async () => {
    const page = await visit("#protocol=pbft&seed=1&at=80");
    const box = (await page.locator("#diagram").boundingBox())!;
    await page.mouse.click(box.x + 30, box.y + box.height - 40);
    expect(await page.textContent(".menu b")).toBe("r3");
    await page.click("#crash");
    await page.click("#start");
    expect(page.url()).toContain("actions=80:crash:r3,80:start:r3");
  });

  test("what a page shows, its link and its command run again with the same trace hash", async () => {
    const page = await visit("#protocol=pbft&seed=5&loss=2&end=900&at=80");
    // Slow, because a run that is over when something is done to it would have no button for that.
    await page.selectOption("#speed", "1");
    await page.click("#play");
    await page.locator(".clock", { hasNotText: /^\s*80(?:\.0+)? ms/ }).waitFor();
    await page.click('[data-process="r2"]');
    await page.getByRole("button", { name: "Cut off" }).click();
    await page.click("#byzantine");
    await page.click("#play");
    const hash = await page.textContent("#hash");
    const { play, subject, atUs, problems } = readPlay(page.url().split("#")[1] ?? "", [
      ...registered.values(),
    ]);
    expect(problems).toEqual([]);
    expect(play.actions.map(({ verb }) => verb)).toEqual(["cut", "byzantine"]);
    const again = new PlayRun(subject, play);
    again.advance(atUs);
    expect(again.world.scheduler.traceHash).toBe(hash ?? "");
    const other = await visit(page.url().slice(page.url().indexOf("#")));
    expect(await other.textContent("#hash")).toBe(hash);
    const { stdout } = await simulate((await page.textContent("#command")) ?? "");
    expect(stdout).toContain(`trace hash ${hash}`);
    await page.click("#show-script");
    const script = await page.inputValue("#script");
    expect(runScript(subject, script)).toBe(script);
    expect(script).toContain(`> hash\n          ${hash}\n`);
  });

  test("a message that is chosen is dropped, be it in the past, and the run is another", async () => {
    const page = await visit("#protocol=pbft&seed=1&at=80");
    const before = await page.textContent("#hash");
    await page.focus("#diagram");
    await page.keyboard.press(".");
    const [, number = ""] =
      /message (\d+)/.exec((await page.textContent(".onmessage")) ?? "") ?? [];
    await page.click("#drop");
    expect(page.url()).toContain(`:drop:${number}`);
    expect(await page.textContent(".fate")).toContain("dropped by hand");
    expect(await page.textContent("#hash")).not.toBe(before);
    await page.focus("#diagram");
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: /^Leave out/ }).click();
    expect(await page.textContent("#hash")).toBe(before);
    await page.focus("#diagram");
    await page.keyboard.press(".");
    await page.keyboard.press("l");
    expect(page.url()).toMatch(/actions=[\d.]+:delay:\d+:10&/);
  });

  test("keys play, step, go back, ask for more and explain", async () => {
    const page = await visit("#protocol=vr&seed=1&at=50");
    await page.focus("#diagram");
    const events = async () =>
      /([\d,]+) events/.exec((await page.textContent(".clock")) ?? "")?.[1];
    const before = await events();
    await page.keyboard.press("n");
    expect(Number(await events())).toBe(Number(before) + 1);
    await page.keyboard.press("b");
    expect(await events()).toBe(before!);
    await page.keyboard.press("a");
    expect(page.url()).toContain(":ask:5");
    await page.keyboard.press("Space");
    await page.locator("#play", { hasText: "Pause" }).waitFor();
    await page.keyboard.press("Space");
    await page.locator("#play", { hasText: "Play" }).waitFor();
    await page.keyboard.press("?");
    expect(await page.textContent("dialog")).toContain("drop the message");
    await page.keyboard.press("Escape");
    expect(await page.locator("dialog").count()).toBe(0);
    for (let i = 0; i < 60; i++) {
      await page.keyboard.press("Tab");
      if ((await page.evaluate(() => document.activeElement?.id)) === "play") break;
    }
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("play");
  });

  test("settings make another run, within their bounds", async () => {
    const page = await visit();
    await page.selectOption("#protocol", "tendermint");
    await page.fill('input[name="replicas"]', "7");
    await page.keyboard.press("Tab");
    await page.fill('input[name="loss %"]', "500");
    await page.keyboard.press("Tab");
    expect(await page.textContent("[role=alert]")).toContain("loss is from 0 to 90");
    expect(page.url()).toContain("protocol=tendermint&seed=0&n=7&loss=90");
    expect(await page.locator(".card").count()).toBe(7);
    await page.selectOption("#kind", "short");
    expect(page.url()).toContain("kind=short");
  });

  test("a link that is malformed says so, and shows the nearest run", async () => {
    const page = await visit("#protocol=pbtf&seed=-4&actions=5:fly:r0");
    const told = (await page.textContent("[role=alert]")) ?? "";
    for (const part of ["this is pbft", "seed=-4 is no number", "an action is one of"]) {
      expect(told).toContain(part);
    }
    expect(page.url()).toEndWith("#protocol=pbft&seed=0");
    await page.getByRole("button", { name: "Dismiss" }).click();
    expect(await page.locator("[role=alert]").count()).toBe(0);
  });

  test("a tour's stop plays on from its link", async () => {
    const page = await visit("#protocol=hotstuff&seed=0");
    await page.selectOption("#speed", "0");
    await page.getByRole("link", { name: "The leader dies" }).click();
    await page.locator(".clock", { hasText: "the end" }).waitFor();
    expect(await page.textContent('[data-process="r0"]')).toContain("down");
    expect(await page.textContent(".verdict")).toContain("passed");
  });

  test("a planted bug can be chosen, and is found", async () => {
    const page = await visit();
    await page.selectOption("#protocol", "pbft-forgets-slot");
    await page.click("#hunt");
    await page.locator(".verdict", { hasText: "agreement violated" }).waitFor();
    expect(await page.textContent(".failure")).toContain("agreement");
    const { stdout } = await simulate((await page.textContent("#command")) ?? "");
    expect(stdout).toContain("agreement: ");
    expect(stdout).toContain(`trace hash ${await page.textContent("#hash")}`);
  });

  test.each(["light", "dark"] as const)("in the %s nothing scrolls sideways", async (to) => {
    for (const width of [1300, 390]) {
      const page = await visit("#protocol=pbft&seed=1&at=80", { width, colorScheme: to });
      const { scrollWidth } = await page.evaluate(() => ({
        scrollWidth: document.documentElement.scrollWidth,
      }));
      expect(scrollWidth).toBeLessThanOrEqual(width);
    }
  });

  test("nothing was asked of a network, and nothing complained", () => {
    expect(visits.length).toBeGreaterThan(20);
    for (const { requests, complaints } of visits) {
      expect(complaints).toEqual([]);
      for (const request of requests) expect(request).toMatch(/^(?:file|blob|data):/);
    }
  });
});
