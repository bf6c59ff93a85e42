// Shows how runs are summed up: the table of a sweep, and the table of all protocols.

import { describe, expect, test } from "bun:test";
import type { Measured, PointRunner } from "../../src/evaluation/point-runner.ts";
import type { Point } from "../../src/evaluation/run.ts";
import { formatSummaries, summarise } from "../../src/evaluation/summary.ts";
import {
  formatRows,
  measureTable,
  replaceRegion,
  tableRows,
} from "../../src/evaluation/results-table.ts";
import { protocols } from "../../src/protocol/index.ts";
import { recordOf, runOf } from "../support/records.ts";

describe("the table of a sweep", () => {
  const run = (clients: number, repetition: number, throughput: number, us: number) =>
    runOf({ clients }, repetition, recordOf([us], { throughput }));

  test("has the median and the extremes of each point, and above it what all have in common", () => {
    const runs = [
      ...[run(1, 0, 1000, 10), run(1, 1, 3000, 30), run(1, 2, 1500, 20)],
      ...[run(16, 0, 8000, 100), run(16, 1, 9000, 200)],
    ];
    const [one, sixteen] = summarise(runs);
    expect(one).toMatchObject({
      ...{ runs: 3, throughput: { median: 1500, min: 1000, max: 3000 } },
      point: { clients: 1 },
    });
    expect(sixteen).toMatchObject({ runs: 2, throughput: { median: 8500, min: 8000, max: 9000 } });
    expect(formatSummaries(summarise(runs))).toMatchInlineSnapshot(`
      "all: transport udp, f 1, clientProcesses 1, rate 0, batch 1, adaptive false, workers default, signature batch, app null, opSize 0, fault none, lossRate 0
      mode  clients  runs                Kops/s               mean us                p50 us                p99 us  unserved
      pbft        1     3  1.500 (1.000..3.000)     20.0 (10.0..30.0)     20.0 (10.0..30.0)     20.0 (10.0..30.0)         0
      pbft       16     2  8.500 (8.000..9.000)  150.0 (100.0..200.0)  150.0 (100.0..200.0)  150.0 (100.0..200.0)         0"
    `);
  });

  test("says so when there is nothing", () => {
    expect(formatSummaries(summarise([]))).toBe("no results");
  });
});

/** Throughput rises up to so many clients, and falls beyond. */
class FakeRunner implements PointRunner {
  readonly ran: Point[] = [];
  readonly #peak: (point: Point) => number;
  readonly #fails: (point: Point) => boolean;

  constructor(peak: (point: Point) => number, fails: (point: Point) => boolean = () => false) {
    this.#peak = peak;
    this.#fails = fails;
  }
  async run(point: Point): Promise<Measured> {
    this.ran.push(point);
    if (this.#fails(point)) throw new Error("no reply");
    const { mode, clients, signature, extras } = point;
    const requestAuth = extras?.["requestAuth"] === "sign" ? "sign" : "none";
    const throughput = 1000 * Math.min(clients, this.#peak(point)) - clients;
    const signed = protocols.get(mode)?.signed === true;
    const kind = signed ? signature : "none";
    const workers = signed ? 3 : 0;
    return {
      record: recordOf([clients], { mode, throughput, signature: kind, requestAuth, workers }),
      replicas: [],
    };
  }
  async close(): Promise<void> {}
}

const KINDS = ["unreplicated", "unreplicated-signed", "pbft", "hotstuff"];

describe("the table of all protocols", () => {
  const common = { transport: "udp", workers: null } as const;
  // One of each kind: the others have rows as these have.
  const some = new Map([...protocols].filter(([name]) => KINDS.includes(name)));
  const rows = tableRows(some, common, []);

  async function measured(runner: PointRunner, repetitions = 3) {
    const signal = new AbortController().signal;
    const times = { seconds: 1, warmSeconds: 1, profile: false, repetitions };
    return measureTable({ rows, runner, signal, tell: () => {}, ...times });
  }

  test("Z28 a protocol with a fast path has a row with a silent backup", () => {
    const fast = new Map([...protocols].filter(([, protocol]) => protocol.hasFastPath === true));
    expect(fast.size).toBeGreaterThan(0);
    const seen = tableRows(fast, common, []).map(({ point, batch }) => [batch, point.fault]);
    expect(seen.slice(0, 3)).toEqual([
      ["adaptive", "none"],
      ["adaptive, one silent", "silent"],
      ["100", "none"],
    ]);
  });

  test("has every protocol, signatures of all kinds, of clients too, and batches of both", () => {
    const seen = rows.map(({ point, batch, latency }) => [
      ...[point.mode, batch, point.signature, point.adaptive, latency, point.extras ?? {}],
    ]);
    expect(seen).toEqual([
      ["unreplicated", "-", "batch", false, true, {}],
      ["unreplicated-signed", "-", "each", false, true, {}],
      ["unreplicated-signed", "-", "batch", false, true, {}],
      ["unreplicated-signed", "-", "hybrid", false, true, {}],
      ...["pbft", "hotstuff"].flatMap((mode) => [
        [mode, "adaptive", "batch", true, true, {}],
        [mode, "100", "batch", false, false, {}],
        [mode, "adaptive", "hybrid", true, true, {}],
        [mode, "adaptive", "batch", true, true, { requestAuth: "sign" }],
      ]),
    ]);
    const all = tableRows(protocols, common, []).map(({ point }) => point.mode);
    expect([...new Set(all)]).toEqual([...protocols.keys()]);
  });

  test("has a row for each size, around whose empty row's best load it is measured", async () => {
    const sizes = [
      { opSize: 4096, replySize: 0 },
      { opSize: 0, replySize: 4 },
    ];
    const sized = tableRows(some, common, sizes);
    expect(sized.filter(({ empty }) => empty === null)).toEqual([...rows]);
    const runner = new FakeRunner(({ opSize }) => (opSize === 0 ? 128 : 32));
    const signal = new AbortController().signal;
    const times = { seconds: 1, warmSeconds: 1, profile: false, repetitions: 1 };
    const table = await measureTable({ rows: sized, runner, signal, tell: () => {}, ...times });
    expect(table.failures).toEqual([]);
    const seen = table.rows.filter(({ mode }) => mode === "pbft");
    expect(seen.map((row) => [row.batch, row.opSize, row.replySize, row.clients])).toEqual([
      ["adaptive", 0, 0, 128],
      ["100", 0, 0, 128],
      ["adaptive", 0, 0, 128],
      ["adaptive", 0, 0, 128],
      ["adaptive", 4096, 0, 32],
      ["adaptive", 0, 4, 128],
    ]);
    expect(formatRows(seen.slice(4))).toContain(
      "| pbft | 3 | adaptive | batch | 4,096 / 0 | 32.0 ",
    );
    const large = runner.ran.filter(({ mode, opSize }) => mode === "pbft" && opSize > 0);
    // Three shares of 128, then there and with one client.
    expect(large.map(({ clients }) => clients)).toEqual([8, 32, 128, 32, 1]);
  });

  test("has a row for each store and what is asked of it", () => {
    const asked = { app: "btree", workload: "ycsb:E" };
    const stores = tableRows(protocols, common, [], [asked]).filter(
      ({ point }) => point.app !== "null",
    );
    expect(stores.map(({ point }) => point.mode)).toEqual([...protocols.keys()]);
    for (const { point, empty } of stores) {
      expect([point.app, point.extras]).toEqual(["btree", { workload: "ycsb:E" }]);
      expect(empty?.point.app).toBe("null");
    }
  });

  test("finds the load at which throughput stops rising, and measures there anew", async () => {
    const runner = new FakeRunner(({ mode }) => (mode === "pbft" ? 100 : 64));
    const table = await measured(runner);
    expect(table.failures).toEqual([]);
    const clients = table.rows.map((row) => [row.mode, row.clients, row.throughput.median]);
    expect(clients).toEqual([
      ["unreplicated", 64, 63_936],
      ["unreplicated-signed", 64, 63_936],
      ["unreplicated-signed", 64, 63_936],
      ["unreplicated-signed", 64, 63_936],
      ["pbft", 128, 99_872],
      ["pbft", 128, 99_872],
      ["pbft", 128, 99_872],
      ["pbft", 128, 99_872],
      ["hotstuff", 64, 63_936],
      ["hotstuff", 64, 63_936],
      ["hotstuff", 64, 63_936],
      ["hotstuff", 64, 63_936],
    ]);
    // 16, 32, 64, and two that do not rise; then three times there, and three with one client.
    const first = runner.ran.filter(({ mode }) => mode === "unreplicated");
    expect(first.map((point) => point.clients)).toEqual([
      ...[16, 32, 64, 128, 256],
      ...[64, 1, 64, 1, 64, 1],
    ]);
    // Repetitions go through all rows, not row by row.
    const last = runner.ran.slice(-22).map(({ mode }) => mode);
    expect(last[0]).toBe("unreplicated");
    expect(last.at(-1)).toBe("hotstuff");
  });

  test("one load that fails is passed over; a row of which all fail is left out, and all is told", async () => {
    const once = new FakeRunner(
      () => 64,
      ({ mode, clients }) => (mode === "pbft" && clients === 32) || mode === "hotstuff",
    );
    const { rows: results, failures } = await measured(once, 1);
    expect(results.map(({ mode, clients }) => [mode, clients])).toEqual([
      ["unreplicated", 64],
      ["unreplicated-signed", 64],
      ["unreplicated-signed", 64],
      ["unreplicated-signed", 64],
      ["pbft", 64],
      ["pbft", 64],
      ["pbft", 64],
      ["pbft", 64],
    ]);
    // Each of its four rows once; the load of pbft that failed is no failure of pbft.
    expect(failures).toEqual([
      "hotstuff, udp, 32 clients, batch 100, adaptive: no reply",
      "hotstuff, udp, 32 clients, batch 100: no reply",
      "hotstuff, udp, 32 clients, batch 100, adaptive, one-time signatures: no reply",
      "hotstuff, udp, 32 clients, batch 100, adaptive, requestAuth sign: no reply",
    ]);
  });

  test("a repetition that fails is told, and the others count", async () => {
    let single = 0;
    const runner = new FakeRunner(
      () => 64,
      ({ mode, clients }) => mode === "pbft" && clients === 1 && ++single === 2,
    );
    const { rows: results, failures } = await measured(runner, 3);
    const failing = "pbft, udp, 1 client, batch 100, adaptive, one-time signatures: no reply";
    expect(failures).toEqual([failing]);
    expect(results).toHaveLength(12);
    expect(results[6]).toMatchObject({ mode: "pbft", latency: { median: 1, min: 1, max: 1 } });
  });

  test("stops when it is told to, with what it has", async () => {
    const controller = new AbortController();
    const runner = new FakeRunner(() => 64);
    const tell = () => controller.abort(new Error("interrupted"));
    const times = { seconds: 1, warmSeconds: 1, profile: false, repetitions: 1 };
    const table = await measureTable({
      rows,
      runner: failing(),
      signal: controller.signal,
      tell,
      ...times,
    });
    expect(table).toEqual({ rows: [], failures: [] });
    function failing(): PointRunner {
      return {
        run: (point) => {
          controller.signal.throwIfAborted();
          return runner.run(point);
        },
        close: () => runner.close(),
      };
    }
    expect(runner.ran).toHaveLength(1);
  });

  test("as Markdown", async () => {
    const { rows: results } = await measured(new FakeRunner(() => 64));
    expect(formatRows(results)).toMatchInlineSnapshot(`
      "| protocol | workers | batch | signature | operation / result (bytes) | maximum throughput (Kops/s) | with clients | minimum median latency (us) |
      | --- | --- | --- | --- | --- | --- | --- | --- |
      | unreplicated | - | - | - | 0 / 0 | 63.9 (63.9 to 63.9) | 64 | 1.0 (1.0 to 1.0) |
      | unreplicated-signed | 3 | - | each | 0 / 0 | 63.9 (63.9 to 63.9) | 64 | 1.0 (1.0 to 1.0) |
      | unreplicated-signed | 3 | - | batch | 0 / 0 | 63.9 (63.9 to 63.9) | 64 | 1.0 (1.0 to 1.0) |
      | unreplicated-signed | 3 | - | hybrid | 0 / 0 | 63.9 (63.9 to 63.9) | 64 | 1.0 (1.0 to 1.0) |
      | pbft | 3 | adaptive | batch | 0 / 0 | 63.9 (63.9 to 63.9) | 64 | 1.0 (1.0 to 1.0) |
      | pbft | 3 | 100 | batch | 0 / 0 | 63.9 (63.9 to 63.9) | 64 | - |
      | pbft | 3 | adaptive | hybrid | 0 / 0 | 63.9 (63.9 to 63.9) | 64 | 1.0 (1.0 to 1.0) |
      | pbft | 3 | adaptive | batch, requests | 0 / 0 | 63.9 (63.9 to 63.9) | 64 | 1.0 (1.0 to 1.0) |
      | hotstuff | 3 | adaptive | batch | 0 / 0 | 63.9 (63.9 to 63.9) | 64 | 1.0 (1.0 to 1.0) |
      | hotstuff | 3 | 100 | batch | 0 / 0 | 63.9 (63.9 to 63.9) | 64 | - |
      | hotstuff | 3 | adaptive | hybrid | 0 / 0 | 63.9 (63.9 to 63.9) | 64 | 1.0 (1.0 to 1.0) |
      | hotstuff | 3 | adaptive | batch, requests | 0 / 0 | 63.9 (63.9 to 63.9) | 64 | 1.0 (1.0 to 1.0) |"
    `);
  });

  test("goes between the two comments of a document, and nowhere else", () => {
    const [begin, end] = ["<!-- bench table: begin -->", "<!-- bench table: end -->"];
    const document = `# Title\n${begin}\nold\n${end}\nrest\n`;
    const written = `# Title\n${begin}\n\nnew\n\n${end}\nrest\n`;
    expect(replaceRegion(document, "new")).toBe(written);
    expect(replaceRegion(written, "new")).toBe(written);
    for (const text of ["", begin, end, `${end}${begin}`])
      expect(replaceRegion(text, "x")).toBeNull();
  });
});
