// Shows what a report says of runs: which are repetitions of each other, which share a line and a
// chart, what labels and tables tell; that text of the data stays text, and that malformed results
// are told by their line. What is drawn is looked at in report-drawn.test.ts.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { UsageError } from "../../src/base/errors.ts";
import { parsePlan } from "../../src/evaluation/sweep-plan.ts";
import { writeReport } from "../../src/report/write-report.ts";
import { groupsOf, LINES_MAX } from "../../src/report/groups.ts";
import { dash, shape } from "../../src/report/theme.ts";
import { peakOf, seriesOf } from "../../src/report/series.ts";
import { readReportInputs } from "../../src/evaluation/report-inputs.ts";
import { readResults } from "../../src/evaluation/result-lines.ts";
import type { FailedRun, Point, Run } from "../../src/evaluation/run.ts";
import { protocols } from "../../src/protocol/index.ts";
import { run, ROOT } from "../support/programs.ts";
import { CHROMIUM } from "../support/browser.ts";
import { program } from "../support/optional.ts";
import { madeUpPoints, madeUpRuns } from "../support/runs.ts";
import { PATIENCE_MS } from "../support/patience.ts";

// On a busy machine drawing a page takes as long as a test has by default.
setDefaultTimeout(PATIENCE_MS);

let dir = "";
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "oskr-report-"));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const few = { modes: ["pbft"], clients: [1, 16], rates: [0.5] };
const withPoint = (points: readonly Point[], more: Partial<Point>) =>
  points.map((point) => ({ ...point, ...more }));
const report = async (name: string, runs: readonly Run[], failures: readonly FailedRun[] = []) => {
  const out = join(dir, name);
  const files = await writeReport(runs, { title: name, dir: out, command: "bench", failures });
  return { files, html: readFileSync(join(out, "report.html"), "utf8") };
};

describe("series", () => {
  test("repetitions are one point, loads one line by rising load, loops never the same line", () => {
    const runs = madeUpRuns(
      madeUpPoints({ modes: ["pbft"], clients: [64, 1, 16], rates: [0.8, 0.1] }),
    );
    const lines = seriesOf(runs.toReversed());
    expect(lines.map(({ label, loop }) => [label, loop])).toEqual([
      ["pbft, open loop", "open"],
      ["pbft, closed loop", "closed"],
    ]);
    const loads = lines.map(({ points }) => points.map(({ load }) => load));
    expect(loads).toEqual([
      ["1,240/s", "9,920/s"],
      ["1 client", "16 clients", "64 clients"],
    ]);
    for (const point of lines.flatMap(({ points }) => points)) {
      const values = point.runs.map(({ record }) => record.throughput / 1000).sort((a, b) => a - b);
      expect([point.throughput.min, point.throughput.median, point.throughput.max]).toEqual(values);
    }
  });

  test("runs of another machine, version or duration are no repetitions", () => {
    const [one, two, three, four] = madeUpRuns(madeUpPoints(few), { repetitions: 4 }) as [
      ...[Run, Run, Run, Run],
    ];
    const changed = (of: Run, record: Partial<Run["record"]>): Run => ({
      ...of,
      record: { ...of.record, ...record },
    });
    const lines = seriesOf([
      one,
      changed(two, { host: { ...two.record.host, kernel: "7.0" } }),
      changed(three, { warmSeconds: 9 }),
      changed(four, { versions: { oskr: "3" }, seconds: 2.02 }),
    ]);
    expect(lines).toHaveLength(4);
    expect(new Set(lines.map(({ label }) => label)).size).toBe(4);
  });

  test("open loops with other clients are lines of their own, and look different", () => {
    const points = madeUpPoints({ ...few, clients: [], rates: [0.2, 0.4] });
    const lines = seriesOf(madeUpRuns([...points, ...withPoint(points, { clients: 32 })]));
    expect(lines.map(({ label, points: own }) => [label, own.length])).toEqual([
      ["pbft, open loop", 2],
      ["pbft, open loop, 32 clients", 2],
    ]);
    const [group] = groupsOf(lines);
    expect(group?.lines.map(({ style }) => style)).toEqual([0, 1]);
  });

  test("the peak is the point of the highest throughput, not of the highest load", () => {
    const [line] = seriesOf(madeUpRuns(madeUpPoints({ modes: ["hotstuff"], rates: [] })));
    const most = Math.max(...(line?.points.map(({ throughput }) => throughput.median) ?? []));
    expect(line === undefined ? 0 : peakOf(line).throughput.median).toBe(most);
  });
});

describe("labels and charts", () => {
  test("no two lines of the largest chart have one shape, or one shape and dashes in the next", () => {
    const largest = Array.from({ length: LINES_MAX }, (_, style) => shape(style));
    expect(new Set(largest).size).toBe(LINES_MAX);
    const styles = Array.from({ length: 30 }, (_, style) => `${shape(style)} ${dash(style)}`);
    expect(new Set(styles).size).toBe(30);
  });

  const points = madeUpPoints({ modes: ["unreplicated", "pbft"], clients: [1, 4], rates: [] });

  test("what varies within a protocol is told, what does not stands above the chart", () => {
    const more = withPoint(
      points.filter(({ mode }) => mode === "pbft"),
      { transport: "udp" },
    );
    const lines = seriesOf(madeUpRuns([...points, ...more]));
    expect(lines.map(({ label }) => label)).toEqual(["unreplicated", "pbft, dpdk", "pbft, udp"]);
    const [group, ...others] = groupsOf(lines);
    expect(others).toEqual([]);
    expect(group?.conditions).toBe(
      "f 1 · batch 100 adaptive · signature batch · signature threads default · " +
        "application null · operation 0 bytes · client processes 1",
    );
  });

  test("what differs between protocols only is told with their names", () => {
    const unequal = points.map((point) => (point.mode === "pbft" ? point : { ...point, batch: 1 }));
    const lines = seriesOf(madeUpRuns(unequal));
    expect(lines.map(({ label }) => label)).toEqual(["unreplicated", "pbft"]);
    expect(groupsOf(lines)[0]?.conditions).toContain(
      "batch 1 adaptive (unreplicated), 100 adaptive (pbft)",
    );
  });

  test("a closed and an open loop of one configuration share their colour", () => {
    const lines = seriesOf(madeUpRuns(madeUpPoints()));
    const [group] = groupsOf(lines);
    const styles = group?.lines.map(({ mode, loop, style }) => `${style} ${mode} ${loop}`);
    expect(styles).toEqual(
      ["unreplicated", "unreplicated-signed", "pbft", "hotstuff"].flatMap((mode, style) => [
        `${style} ${mode} closed`,
        `${style} ${mode} open`,
      ]),
    );
  });

  test("a plan of many settings has a chart for each, with the usual lines beside the others", () => {
    const path = join(ROOT, "docs/plans/all.json");
    const plan = parsePlan(readFileSync(path, "utf8"), path);
    const groups = groupsOf(seriesOf(madeUpRuns(plan.points, { repetitions: 1 })));
    const byTransport = groups.find(({ suffix }) => suffix === "-transport");
    expect(byTransport?.lines.map(({ label }) => label)).toEqual(
      ["unreplicated", "unreplicated-signed", "vr", "pbft", "hotstuff"].flatMap((mode) => [
        `${mode}, closed loop`,
        `${mode}, udp, closed loop`,
      ]),
    );
    expect(byTransport?.conditions).toEndWith("transport dpdk unless said otherwise");
    expect(new Set(groups.map(({ suffix }) => suffix)).size).toBe(groups.length);
    for (const { lines } of groups) {
      expect(lines.length).toBeLessThanOrEqual(LINES_MAX);
      expect(new Set(lines.map(({ style, loop }) => `${style} ${loop}`)).size).toBe(lines.length);
    }
  });
});

/** One client and a few of every protocol, as usual and in three other settings. */
function everyProtocol() {
  const usual = madeUpPoints({ modes: [...protocols.keys()], clients: [1, 64], rates: [] });
  const others = [{ opSize: 1024 }, { opSize: 4096 }, { fault: "silent" }] as const;
  return [...usual, ...others.flatMap((changes) => withPoint(usual, changes))];
}

describe("a plan of every protocol", () => {
  test("has them in one chart for each setting, because they are what is compared", () => {
    const groups = groupsOf(seriesOf(madeUpRuns(everyProtocol())));
    const all = protocols.size;
    expect(groups.map(({ suffix, lines }) => [suffix, lines.length])).toEqual([
      ["", all],
      ["-operation-1-024-bytes", all],
      ["-operation-4-096-bytes", all],
      ["-faults", all],
    ]);
    expect(groups[1]?.compared).toBe(`${all} protocols, by 1,024 bytes`);
  });
});

describe("the page", () => {
  test("is one file and an SVG file a chart, the same for the same runs", async () => {
    const runs = madeUpRuns(madeUpPoints(few));
    const [a, b] = [await report("a", runs), await report("b", runs)];
    expect(a.files.map((file) => basename(file))).toEqual([
      ...["report.html", "throughput-latency.svg", "throughput-p99.svg", "latency-light.svg"],
      ...["latency-peak.svg", "profile.svg", "points.csv", "throughput.csv"],
    ]);
    expect(b.html.replaceAll(">b<", ">a<")).toBe(a.html);
    for (const file of a.files.filter((path) => path.endsWith(".svg"))) {
      const svg = readFileSync(file, "utf8");
      expect(svg).toStartWith("<svg ");
      expect(a.html).toContain(svg.trimEnd());
    }
  });

  test("has a cell for each column of each table, the arrivals left unserved among them", async () => {
    const made = madeUpRuns(madeUpPoints(few), { repetitions: 1 });
    const runs = made.map((one) => {
      const unserved = one.record.loop === "open" ? 12_345 : 0;
      return { ...one, record: { ...one.record, unserved, dropped: { late: 3 } } };
    });
    const { html } = await report("cells", runs);
    const tables = [...html.matchAll(/<table id="(\w+)"[^]*?<\/table>/g)];
    expect(tables.map(([, id]) => id)).toContain("points");
    for (const [table, id] of tables) {
      const rows = [...table.matchAll(/<tr>(.*)<\/tr>/g)].map(([, row = ""]) =>
        [...row.matchAll(/<t[hd][^>]*>(.*?)<\/t[hd]>/g)].map(([, cell]) => cell),
      );
      const [head = [], ...body] = rows;
      expect(body.length).toBeGreaterThan(0);
      for (const row of body) expect([id, row.length]).toEqual([id, head.length]);
      if (id !== "points") continue;
      const column = head.indexOf("most unserved");
      expect(body.map((row) => row[column])).toEqual(["-", "-", "12,345"]);
    }
  });

  test("says when, where and of which version and commit, and how many operations", async () => {
    const runs = madeUpRuns(madeUpPoints(few)).map((run, i) => {
      const versions = { oskr: "2.0.0", commit: "3f9a12c4", bun: "1.4.5" };
      const startedAt = `2026-11-${10 + i}T08:05:00.000Z`;
      return { ...run, record: { ...run.record, versions, startedAt }, replicas: [] };
    });
    const { html } = await report("about", runs);
    const facts = [...html.matchAll(/<dt>(.*?)<\/dt><dd>(.*?)<\/dd>/g)].map(([, ...one]) => one);
    expect(facts).toEqual([
      ["measured", "2026-11-10 08:05 to 2026-11-18 08:05 UTC"],
      ["versions", "oskr 2.0.0, commit 3f9a12c4, bun 1.4.5"],
      ["on", "Imaginary EPYC 7763 64-Core, 2 CPUs, Linux 6.18.44"],
    ]);
    const sum = runs.reduce((total, { record }) => total + record.operations, 0);
    expect(html).toContain(`Latencies are those of ${sum.toLocaleString("en-US")} operations.`);
  });

  test("has charts for a paper beside it: no titles, fonts that converters have, captions", async () => {
    const out = join(dir, "paper");
    const runs = madeUpRuns(madeUpPoints(few), { repetitions: 2 });
    const options = { title: "x", dir: out, command: "bench", paper: true };
    const files = (await writeReport(runs, options)).filter((file) =>
      file.includes("/paper/paper/"),
    );
    const names = [
      "throughput-latency",
      "throughput-p99",
      "latency-light",
      "latency-peak",
      "profile",
    ];
    const pdfs = program(CHROMIUM) === null ? names.map((name) => `${name}.pdf`) : [];
    expect(files.map((file) => basename(file)).toSorted()).toEqual(
      [...names.map((name) => `${name}.svg`), ...pdfs, "captions.txt"].toSorted(),
    );
    for (const file of files.filter((path) => path.endsWith(".svg"))) {
      const svg = readFileSync(file, "utf8");
      const told = /against throughput:|Latency distribution|Where the time|application null/;
      expect(told.exec(svg)?.[0]).toBeUndefined();
      const fonts = new Set([...svg.matchAll(/font-family="([^"]*)"/g)].map(([, font]) => font));
      expect([...fonts]).toEqual([expect.stringMatching(/^Helvetica, Arial, .*, sans-serif$/)]);
      // Seven points at least in a column of 320 pixels.
      const [width, height] = ["width", "height"].map((name) =>
        Number(new RegExp(`^<svg [^>]*\\b${name}="([\\d.]+)"`).exec(svg)?.[1]),
      ) as [number, number];
      expect(((320 / width) * 12 * 3) / 4).toBeGreaterThan(6);
      expect(height).toBeGreaterThan(0);
    }
    for (const file of files.filter((path) => path.endsWith(".pdf"))) {
      const pdf = readFileSync(file, "latin1");
      expect(pdf).toStartWith("%PDF-");
      expect([...pdf.matchAll(/\/Type \/Page\b/g)]).toHaveLength(1);
      expect(pdf).toContain("/FontFile2");
    }
    const captions = readFileSync(join(out, "paper/captions.txt"), "utf8").split("\n\n");
    expect(captions).toHaveLength(names.length + 1);
    const [first = "", ...others] = captions;
    expect(first).toStartWith("throughput-latency:\nMedian latency against throughput: pbft.\n");
    expect(first).toContain("application null");
    expect(others.at(-1)).toContain("versions: oskr 2.0.0");
  });

  test("refers to nothing outside itself", async () => {
    const { html } = await report("alone", madeUpRuns(madeUpPoints(few)));
    const urls = [...html.matchAll(/\b(?:src|href)="?([^"\s>]*)|url\(([^)]*)\)|@import/g)];
    expect(urls.filter(([, url]) => url?.startsWith("#") !== true)).toEqual([]);
    expect(html).not.toContain("<script");
  });

  test("has no profile without profiles, but signatures", async () => {
    const { files, html } = await report(
      "plain",
      madeUpRuns(madeUpPoints(few), { profile: false }),
    );
    expect(files.map((file) => basename(file))).not.toContain("profile.svg");
    expect(html).not.toContain("Where the time goes");
    expect(html).toContain("<h2>Signatures</h2>");
    expect(html).toContain("<td class=number>2.100</td>");
  });

  test("lists what failed, and is made even if everything did", async () => {
    const [point] = madeUpPoints(few) as [Point];
    const failure = { key: "k", point, repetition: 1, failure: "replica 2 ended: <no> memory" };
    const { files, html } = await report("failed", [], [failure]);
    expect(files.map((file) => basename(file))).toEqual([
      ...["report.html", "points.csv", "throughput.csv"],
    ]);
    expect(html).toContain("<td>replica 2 ended: &lt;no&gt; memory</td>");
    expect(html).toContain("1 run failed.");
  });

  test("shows text of the data as text", async () => {
    const evil = `<script>alert("1")</script>`;
    const points = withPoint(madeUpPoints(few), { app: evil });
    const made = madeUpRuns([...points, ...madeUpPoints(few)]);
    const runs = made.map((one) => ({
      ...one,
      record: { ...one.record, idle: "<b>", dropped: { "</table>": 3 } },
    }));
    const { html } = await report(evil.slice(0, 3), runs);
    expect(html).not.toContain("<script");
    expect(html).not.toContain("<b>");
    expect(html.split("</table>").length).toBe(html.split("<table ").length);
    expect(html).toContain("&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;");
  });
});

describe("files for other programs", () => {
  const rowsOf = (path: string) =>
    readFileSync(path, "utf8")
      .trimEnd()
      .split("\r\n")
      .map((row) =>
        [...row.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^",]*))/g)].map(
          ([, quoted, bare = ""]) => quoted?.replaceAll('""', '"') ?? bare,
        ),
      );

  test("have every point, with its conditions and the figures of its repetitions", async () => {
    const cpu = 'A "quoted", cpu';
    const runs = madeUpRuns(madeUpPoints()).map((one) => {
      const host = { ...one.record.host, cpu };
      return { ...one, record: { ...one.record, host }, replicas: [] };
    });
    await report("csv", runs);
    const [head = [], ...rows] = rowsOf(join(dir, "csv/points.csv"));
    const points = seriesOf(runs).flatMap(({ label, points: own }) =>
      own.map((point) => ({ label, point })),
    );
    expect(rows).toHaveLength(points.length);
    for (const [i, { label, point }] of points.entries()) {
      const row = new Map(head.map((name, column) => [name, rows[i]?.[column]]));
      expect([row.get("line"), row.get("processor"), row.get("runs")]).toEqual([label, cpu, "3"]);
      expect(row.get("clients")).toBe(String(point.runs[0]?.point.clients));
      const { median, min, max } = point.throughput;
      const told = ["median", "min", "max"].map((of) => row.get(`throughput ${of} (ops/s)`));
      for (const [j, value] of [median, min, max].entries()) {
        expect(Number(told[j])).toBeCloseTo(1000 * value, 2);
      }
      expect(Number(row.get("p999 max (us)"))).toBeCloseTo(point.latency.p999.max, 2);
    }
  });

  test("have what completed in each second of each run", async () => {
    const [one] = madeUpRuns(madeUpPoints(few), { repetitions: 1 }) as [Run];
    const record = { ...one.record, seconds: 2.5, eachSecond: [7, 0, 4] };
    await report("seconds", [{ ...one, record }]);
    const [head, ...rows] = rowsOf(join(dir, "seconds/throughput.csv"));
    expect(head?.slice(-3)).toEqual(["until (s)", "operations", "ops/s"]);
    expect(rows.map((row) => row.slice(-4))).toEqual([
      ["0", "1", "7", "7"],
      ["0", "2", "0", "0"],
      ["0", "2.5", "4", "8"],
    ]);
  });
});

describe("results files", () => {
  const [one, two] = madeUpRuns(madeUpPoints(few)) as [Run, Run];
  const write = (...lines: readonly unknown[]): string => {
    const path = join(dir, "runs.jsonl");
    const text = lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line)));
    writeFileSync(path, `${text.join("\n")}\n`);
    return path;
  };
  const failed = ({ key, point, repetition }: Run) => ({ key, point, repetition, failure: "no" });

  test("a failure counts until the same run succeeds", () => {
    const path = write(failed(one), failed(two), one, "");
    const { runs, failures } = readResults(path);
    expect([...runs.values()]).toEqual([one]);
    expect([...failures.values()]).toEqual([failed(two)]);
  });

  test("what a protocol did not need is told apart from what was dropped, in old files too", async () => {
    const dropped = { "not admitted: late": 2, "socket full": 1 };
    const [run] = madeUpRuns(madeUpPoints(few), { repetitions: 1 }) as [Run];
    const { notAdmitted: _, ...record } = { ...run.record, dropped };
    const path = write({ ...run, record });
    const [read] = [...readResults(path).runs.values()] as [Run];
    expect(read.record).toMatchObject({ dropped: { "socket full": 1 }, notAdmitted: { late: 2 } });
    const { html } = await report("unused", [read]);
    const table = (id: string) =>
      new RegExp(`<table id="${id}"[^]*?</table>`).exec(html)?.[0] ?? "";
    expect(table("drops")).toContain("<td>socket full</td>");
    expect(table("drops")).not.toContain("late");
    expect(table("refusals")).toContain("<td>late</td>");
  });

  const without = (of: Run, part: keyof Run["record"]) => {
    const { [part]: _, ...record } = of.record;
    return { ...of, record };
  };
  test.each([
    ["{", "no JSON"],
    ["[1]", "the line: expected an object"],
    [JSON.stringify(without(one, "latency")), "record.latency: expected an object"],
    [JSON.stringify({ ...one, replicas: [{}] }), "replicas[0].executed: expected a number"],
    [
      JSON.stringify({ ...one, point: { ...one.point, clients: "4" } }),
      "point.clients: expected a number",
    ],
    [JSON.stringify({ ...one, record: { ...one.record, throughput: null } }), "record.throughput"],
    [JSON.stringify({ ...failed(one), point: null }), "point: expected an object"],
  ])("line 2 is %s: %s", (line, reason) => {
    const path = write(one, line);
    const where = `${path}:2: not the result of a run: ${reason}`;
    expect(() => readResults(path)).toThrow(where);
  });

  test("bench report writes the page beside them, protocols in the registry's order", async () => {
    const points = madeUpPoints({
      modes: ["hotstuff", "unreplicated"],
      clients: [4, 1],
      rates: [],
    });
    const path = write(...madeUpRuns(points, { repetitions: 1 }));
    const { status, out, err } = await run("bench", ["report", path, "--title", "Two"]);
    expect({ status, err }).toEqual({ status: 0, err: "" });
    expect(out.split("\n")[0]).toBe(join(dir, "report.html"));
    const html = readFileSync(join(dir, "report.html"), "utf8");
    expect(html).toContain("<h1>Two</h1>");
    expect(html).toContain(`npm run bench -- report ${path}`);
    const rows = [...html.matchAll(/<th scope=rowgroup colspan=\d+><span>([^<]*)/g)].map(
      ([, label]) => label,
    );
    expect(rows.slice(-2)).toEqual(["unreplicated", "hotstuff"]);
  });

  test("results side by side have their labels on every line; what only they differ in does not", () => {
    const points = madeUpPoints({ modes: ["pbft", "unreplicated"], clients: [1, 4], rates: [] });
    const older = madeUpRuns(points, { repetitions: 2 });
    const newer = older.map((run) => {
      const record = { ...run.record, versions: { oskr: "3.0.0" } };
      return { ...run, record };
    });
    const paths = ["older", "newer"].map((name) => join(dir, name));
    for (const [i, runs] of [older, newer].entries()) {
      mkdirSync(paths[i] ?? "");
      const text = runs.map((run) => `${JSON.stringify(run)}\n`).join("");
      writeFileSync(join(paths[i] ?? "", "runs.jsonl"), text);
    }
    const labels = (given: readonly string[] | null) =>
      seriesOf(readReportInputs(paths, given).runs).map(({ label }) => label);
    expect(labels(null)).toEqual(
      ["older", "newer"]
        .flatMap((of) => [`pbft, ${of}`])
        .concat(["older", "newer"].map((of) => `unreplicated, ${of}`)),
    );
    expect(labels(["a", "b"])[0]).toBe("pbft, a");
    const both = seriesOf(readReportInputs(paths, null).runs);
    expect(both.map(({ points: own }) => own.map(({ runs }) => runs.length))).toEqual(
      both.map(() => [2, 2]),
    );
    const [group] = groupsOf(both);
    expect(new Set(group?.lines.map(({ style }) => style)).size).toBe(4);
    // A single one has no label, whether its directory or its file was named.
    expect(readReportInputs([paths[0] ?? ""], null).runs).toEqual(
      readReportInputs([join(paths[0] ?? "", "runs.jsonl")], null).runs,
    );
  });

  test("records of single runs are points, those of one point its repetitions", () => {
    const runs = madeUpRuns(madeUpPoints({ modes: ["pbft"], clients: [1, 4], rates: [] }));
    const paths = runs.map(({ record }, i) => {
      const path = join(dir, `record-${i}.json`);
      writeFileSync(path, JSON.stringify(record, null, 2));
      return path;
    });
    const read = readReportInputs(paths, null).runs;
    expect(read.map(({ record }) => record)).toEqual(runs.map(({ record }) => record));
    expect(read.map(({ repetition }) => repetition)).toEqual([0, 1, 2, 0, 1, 2]);
    const [line, ...others] = seriesOf(read);
    expect(others).toEqual([]);
    expect(line?.points.map(({ load }) => load)).toEqual(["1 client", "4 clients"]);
    for (const [of, reason] of [
      [{ failure: "no reply" }, "of a run that failed: no reply"],
      [{ ...runs[0]?.record, interrupted: true }, "of a run that was interrupted"],
      [{ ...runs[0]?.record, serviceGone: true }, "at whose end the service was gone"],
    ] as const) {
      writeFileSync(paths[0] ?? "", JSON.stringify(of, null, 2));
      expect(() => readReportInputs(paths, null)).toThrow(reason);
    }
    const { mode: _, ...without } = runs[0]?.record ?? { mode: "" };
    writeFileSync(paths[0] ?? "", JSON.stringify(without));
    expect(() => readReportInputs(paths, null)).toThrow("not the record of a run: mode");
  });

  test("bench report tells mistakes in a line, with status 2", async () => {
    const bad = join(dir, "bad.jsonl");
    writeFileSync(bad, "{}\n");
    const [fine, copy] = ["fine.jsonl", "copy.jsonl"].map((name) => {
      const path = join(dir, name);
      writeFileSync(path, `${JSON.stringify(one)}\n`);
      return path;
    }) as [string, string];
    const inputs: readonly (readonly [paths: readonly string[], reason: string])[] = [
      [[bad], `${bad}:1: not the result of a run: key: expected a string`],
      [[write()], "has no results"],
      [[join(dir, "gone")], "cannot be read"],
      [[fine, bad], `${bad}:1: not the result`],
      [[fine, fine], "given twice"],
    ];
    for (const [paths, reason] of inputs) {
      expect(() => readReportInputs(paths, null)).toThrow(reason);
      expect(() => readReportInputs(paths, null)).toThrow(UsageError);
    }
    expect(() => readReportInputs([fine], ["a", "b"])).toThrow("2 labels for 1 results");
    const cases: readonly (readonly [args: readonly string[], reason: string])[] = [
      [[bad], `${bad}:1: not the result of a run: key: expected a string`],
      [[], "RESULTS... is missing"],
      [[fine, copy], "--out is required"],
    ];
    for (const [args, reason] of cases) {
      const { status, err } = await run("bench", ["report", ...args]);
      expect({ status, lines: err.trim().split("\n").length }).toEqual({ status: 2, lines: 1 });
      expect(err).toContain(reason);
    }
    const good = write(one);
    const { status, err } = await run("bench", ["report", good, "--out", join(good, "below")]);
    expect({ status, lines: err.trim().split("\n").length }).toEqual({ status: 2, lines: 1 });
    expect(err).toContain("cannot be written");
  });
});
