// Shows that the server of a live page answers who has its token, by the methods that it has, and
// nobody else: neither strangers nor pages of others that a browser shows.

import { afterAll, expect, test } from "bun:test";
import { UsageError } from "../../src/base/errors.ts";
import type { LiveAction, LiveSample, LiveState, LiveUpdate } from "../../src/view/live-data.ts";
import { LiveServer } from "../../src/view/live-server.ts";

const state: LiveState = {
  ...{ mode: "pbft", f: 1, nowMs: 1000, readOnly: false, completed: 42, inFlight: 3 },
  replicas: [
    {
      state: "up",
      census: {
        ...{ view: 7, leader: 3, leads: false, committed: 9, executed: 40, phase: "running" },
        ...{ recovered: true, residentBytes: 2 ** 20, cpuMs: 1500, cpuShare: 0.5 },
        dropped: [['odd "reason"\n', 4]],
      },
    },
    { state: "down", census: null },
  ],
  network: null,
  events: [{ atMs: 1, what: "done", text: "replica 1 killed" }],
};
const samples: LiveSample[] = [{ atMs: 900, throughput: 50, p50Us: 1000, p99Us: 4000 }];
const acted: LiveAction[] = [];
const live = {
  ...{ look: () => {}, state, samples, skipped: 0 },
  act: async (action: LiveAction) => {
    acted.push(action);
    return action.action === "stop" ? "replica 1 is down" : null;
  },
};
const server = new LiveServer({ live, html: "<p>the page</p>", hostname: "127.0.0.1" });
afterAll(() => server.close());

const { origin, searchParams } = new URL(server.address);
const token = searchParams.get("token") ?? "";
const at = (path: string): string => `${origin}${path}?token=${token}`;

test("the address has the page, a port and a token of its own", async () => {
  const page = await fetch(server.address);
  expect(await page.text()).toBe("<p>the page</p>");
  expect(page.headers.get("content-security-policy")).toContain("default-src 'none'");
  expect(page.headers.get("cache-control")).toBe("no-store");
  expect(token.length).toBeGreaterThan(20);
  const second = new LiveServer({ live, html: "", hostname: "127.0.0.1" });
  expect(second.address).not.toContain(token);
  await second.close();
});

test.each(["/", "/events", "/metrics", "/actions", "/none"])(
  "%s is refused without the token",
  async (path) => {
    for (const query of ["", "?token=", "?token=x", `?token=${token.slice(0, -1)}A`]) {
      const answer = await fetch(`${origin}${path}${query}`, { method: "POST" });
      expect([answer.status, acted]).toEqual([401, []]);
    }
  },
);

test.each([
  [{ origin: "http://evil.example" }, "of another origin"],
  [{ origin: "null" }, "of a page that has none"],
  [{ origin: origin.replace("http", "https") }, "of another scheme"],
  [{ host: "evil.example" }, "by a name that leads here"],
  [{ "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors" }, "of another page's picture"],
  [
    {
      "sec-fetch-site": "cross-site",
      "sec-fetch-mode": "navigate",
      "sec-fetch-dest": "iframe",
    },
    "of another page's frame",
  ],
])("a request %j, %s, is refused", async (headers) => {
  const given = headers as Record<string, string>;
  for (const path of ["/", "/metrics"]) {
    expect((await fetch(at(path), { headers: given })).status).toBe(403);
  }
  const action = { method: "POST", headers: given, body: `{"action":"kill","replica":0}` };
  expect((await fetch(at("/actions"), action)).status).toBe(403);
  expect(acted).toEqual([]);
});

test("a link that somebody follows is none of these", async () => {
  const headers = {
    ...{ "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" },
    "sec-fetch-dest": "document",
  };
  expect((await fetch(server.address, { headers })).status).toBe(200);
});

test.each([
  ["/", "POST", "GET"],
  ["/", "HEAD", "GET"],
  ["/events", "DELETE", "GET"],
  ["/metrics", "PUT", "GET"],
  ["/actions", "GET", "POST"],
  ["/actions", "OPTIONS", "POST"],
])("%s has no %s", async (path, method, allow) => {
  const answer = await fetch(at(path), { method });
  expect([answer.status, answer.headers.get("allow")]).toEqual([405, allow]);
});

test.each([
  ["not JSON", 400, "no JSON"],
  ["[]", 400, "an object"],
  [`{"action":"explode","replica":0}`, 400, "kill, stop, continue, restart, network"],
  [`{"action":"kill"}`, 400, "replica"],
  [`{"action":"kill","replica":0.5}`, 400, "replica"],
  [`{"action":"network","network":{"drop":2,"delayUs":0}}`, 400, "drop"],
  [`{"action":"kill","replica":${"1".repeat(1200)}}`, 413, "1024 bytes"],
  [`{"action":"stop","replica":1}`, 409, "replica 1 is down"],
])("an action %s is refused by name", async (body, status, told) => {
  const answer = await fetch(at("/actions"), { method: "POST", body });
  expect(answer.status).toBe(status);
  expect(await answer.text()).toContain(told);
});

test("an action is done, with the token in a header as well", async () => {
  const asked = { action: "kill", replica: 0 };
  const headers = { authorization: `Bearer ${token}`, origin };
  const request = { method: "POST", headers, body: JSON.stringify(asked) };
  expect((await fetch(`${origin}/actions`, request)).status).toBe(204);
  expect(acted.at(-1)).toEqual({ action: "kill", replica: 0 });
});

test("events tell all there is, and then what is new", async () => {
  const stop = new AbortController();
  const { body, headers } = await fetch(at("/events"), { signal: stop.signal });
  expect(headers.get("content-type")).toBe("text/event-stream");
  const updates: LiveUpdate[] = [];
  let text = "";
  for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) {
    text += new TextDecoder().decode(chunk);
    const parts = text.split("\n\n");
    text = parts.pop() ?? "";
    updates.push(...parts.map((part) => JSON.parse(part.replace(/^data: /, "")) as LiveUpdate));
    if (updates.length === 1) samples.push({ atMs: 999, throughput: 60, p50Us: 1, p99Us: 2 });
    if (updates.length === 3) break;
  }
  stop.abort();
  const [first, second, third] = updates;
  expect(first).toEqual({ state, samples: samples.slice(0, 1) });
  expect(second?.samples).toEqual(samples.slice(1));
  expect(third?.samples).toEqual([]);
});

test("metrics are Prometheus's text, with labels escaped", async () => {
  const answer = await fetch(at("/metrics"));
  expect(answer.headers.get("content-type")).toContain("version=0.0.4");
  const text = await answer.text();
  const lines = text.trimEnd().split("\n");
  const sample = /^[a-z_]+\{(?:[a-z0-9]+="(?:[^"\\\n]|\\.)*",?)*\} -?[\d.]+(?:e-?\d+)?$/;
  for (const line of lines.filter((one) => !one.startsWith("#"))) expect(line).toMatch(sample);
  expect(lines).toContain('oskr_operations_total{mode="pbft"} 42');
  expect(lines).toContain('oskr_replica_up{mode="pbft",replica="1"} 0');
  expect(lines).toContain('oskr_replica_cpu_seconds_total{mode="pbft",replica="0"} 1.5');
  expect(text).toContain(String.raw`reason="odd \"reason\"\n"} 4`);
  const names = lines.flatMap((line) => /^# TYPE (\S+)/.exec(line)?.[1] ?? []);
  expect(new Set(names).size).toBe(names.length);
});

test("an address that no interface has is refused in a line", () => {
  const serve = (): LiveServer => new LiveServer({ live, html: "", hostname: "192.0.2.1" });
  expect(serve).toThrow(UsageError);
  expect(serve).toThrow("--watch-on 192.0.2.1");
});
