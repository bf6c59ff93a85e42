// Shows in Chromium that the live page of a real cluster shows its throughput, kills its leader, sees
// service resume, and does so by keyboard; and that nothing complains on its console.

import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { ClientProcesses } from "../../src/cluster/client-processes.ts";
import { buildExecutables, Cluster } from "../../src/cluster/cluster.ts";
import { watchCluster } from "../../src/view/watch-cluster.ts";
import { Browser, CHROMIUM, type Visit } from "../support/browser.ts";
import { describeUnless, libraries, program } from "../support/optional.ts";
import { PATIENCE_MS, PROGRAM_MS } from "../support/patience.ts";

const WAIT = { timeout: PROGRAM_MS };

describeUnless(libraries() ?? program(CHROMIUM))("the live page of a cluster in Chromium", () => {
  let cluster: Cluster;
  let clients: ClientProcesses;
  let watching: Awaited<ReturnType<typeof watchCluster>>;
  let browser: Browser;
  let visited: Visit;
  let page: Page;

  beforeAll(async () => {
    expect(buildExecutables()).toBe(0);
    cluster = await Cluster.start({
      ...{ mode: "pbft", transport: "dpdk", f: 1, link: false, clientPorts: 1, watched: true },
      replicaArgs: ["--view-timeout", "500"],
      clientArgs: ["--view-timeout", "500"],
      fabricArgs: [],
    });
    await cluster.takesPart();
    const load = { clients: 2, clientProcesses: 1, rate: 0 };
    clients = new ClientProcesses(cluster, load, ["-d", "1000"], false);
    const hostname = "127.0.0.1";
    watching = await watchCluster({ cluster, mode: "pbft", f: 1, clientProcesses: 1, hostname });
    browser = await Browser.open();
    visited = await browser.visit(watching.address, { width: 1300 });
    ({ page } = visited);
    await page.waitForSelector("#page[data-ready]");
  }, PATIENCE_MS);
  afterAll(async () => {
    await browser?.close();
    await watching?.close();
    await cluster?.stop();
  }, PATIENCE_MS);

  /** Until the timeline says so. */
  const said = (what: RegExp): Promise<unknown> =>
    page.locator(".timeline li").filter({ hasText: what }).first().waitFor(WAIT);
  const executed = async (replica: number): Promise<number> => {
    const text = await page.textContent(`[data-replica="${replica}"] .executed`);
    return Number(text?.replaceAll(",", ""));
  };
  /** Asked from outside, because the page's policy lets nothing be evaluated in it later. */
  const becomes = async (holds: () => Promise<boolean>): Promise<void> => {
    while (!(await holds())) await Bun.sleep(20);
  };
  const grows = (replica: number, from: number): Promise<void> =>
    becomes(async () => (await executed(replica)) > from);
  /** In milliseconds; NaN while nothing completes. */
  const median = async (): Promise<number> => {
    const text = (await page.textContent("#median")) ?? "";
    return text.endsWith("µs") ? parseFloat(text) / 1000 : parseFloat(text);
  };

  test(
    "throughput, latency and each replica's progress are shown",
    async () => {
      await becomes(async () => /^[1-9]/.test((await page.textContent("#rate")) ?? ""));
      await becomes(async () => (await median()) > 0);
      expect(await page.locator("[data-replica]").count()).toBe(4);
      for (let replica = 0; replica < 4; replica++) await grows(replica, await executed(replica));
      expect(await page.textContent(".leads")).toBe("leads");
    },
    PATIENCE_MS,
  );

  test(
    "the leader is killed by keyboard, another leads, service resumes, and the timeline says so",
    async () => {
      await page.getByRole("button", { name: "Kill replica 0" }).focus();
      await page.keyboard.press("Enter");
      await said(/replica 0, which leads, killed/);
      await said(/view \d+ begins, which replica [123] leads/);
      await said(/service is back, [\d.]+ m?s after that/);
      expect(await page.getAttribute('[data-replica="0"]', "data-state")).toBe("down");
      const leads = page.locator("tr").filter({ has: page.locator(".leads") });
      expect(await leads.first().getAttribute("data-replica")).not.toBe("0");
      await grows(1, await executed(1));
    },
    PATIENCE_MS,
  );

  test(
    "it comes back empty, and takes part again",
    async () => {
      await page.getByRole("button", { name: "Restart empty replica 0" }).click();
      await said(/replica 0 recovered, and takes part again/);
      await grows(0, 0);
    },
    PATIENCE_MS,
  );

  test(
    "what stands still goes on, and the fabric loses and delays what it was told",
    async () => {
      await page.getByRole("button", { name: "Stop replica 3" }).click();
      await page.locator('[data-replica="3"][data-state="stopped"]').waitFor(WAIT);
      const before = await executed(3);
      await grows(1, (await executed(1)) + 10);
      expect(await executed(3)).toBe(before);
      await page.getByRole("button", { name: "Continue replica 3" }).click();
      await grows(3, before);

      await page.fill("input[name=loss]", "1");
      await page.fill("input[name=delay]", "20");
      await page.keyboard.press("Enter");
      await said(/the fabric loses 1 % of all frames and delays them by 20 ms/);
      // A request, a proposal, two votes and a reply.
      await becomes(async () => (await median()) > 80);
      await page.getByRole("button", { name: "Heal" }).click();
      await said(/loses 0 % of all frames/);
      await becomes(async () => (await median()) < 80);
    },
    PATIENCE_MS,
  );

  test("its colours are those of the theme, and a phone does not scroll sideways", async () => {
    const ground = () => page.evaluate("getComputedStyle(document.body).backgroundColor");
    const light = await ground();
    await page.emulateMedia({ colorScheme: "dark" });
    expect(await ground()).not.toBe(light);
    await page.setViewportSize({ width: 390, height: 800 });
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(390);
  });

  test("nothing complained, and nobody but its own server was asked", () => {
    expect(visited.complaints).toEqual([]);
    const { origin } = new URL(watching.address);
    for (const request of visited.requests) expect(request).toStartWith(origin);
    expect(clients.warnings).toEqual([]);
  });
});
