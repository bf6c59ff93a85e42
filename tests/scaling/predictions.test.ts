// What bench scale shows of its findings: tables and charts hold what was counted and predicted; the
// measure of handling runs every protocol.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import type { Costs } from "../../src/scaling/cost-model.ts";
import { measureHandling } from "../../src/scaling/handling.ts";
import { readNetwork } from "../../src/evaluation/network-model.ts";
import {
  compare,
  compareSignatures,
  formatChecks,
  formatCounts,
  formatPredictions,
  predict,
  predictColocated,
  type PredictionOptions,
  type ScaleRow,
} from "../../src/scaling/predictions.ts";
import { scaleFigures } from "../../src/scaling/figures.ts";
import { protocols } from "../../src/protocol/index.ts";
import { countOperations } from "../../src/scaling/count.ts";
import { registered } from "../../src/simulation/subjects.ts";
import { PATIENCE_MS } from "../support/patience.ts";

setDefaultTimeout(PATIENCE_MS);

const COSTS: Costs = {
  signUs: 40,
  verifyUs: 50,
  leafUs: 1,
  climbUs: 1,
  messageUs: 1,
  packetUs: 0.2,
  forwardUs: 0.2,
};
/** Of a signed protocol. */
function pricesOf(mode: string): PredictionOptions {
  const protocol = protocols.get(mode);
  if (protocol === undefined) throw new Error(`no protocol ${mode}`);
  return { protocol, costs: COSTS, workers: 1 };
}

function rowOf(mode: string, f: number): ScaleRow {
  const subject = registered.get(mode);
  if (subject === undefined) throw new Error(`no subject ${mode}`);
  const counts = countOperations({
    ...{ subject, f, signature: "each", batch: 10, batches: 2 },
    ...{ multicast: false, protocolOptions: new Map(), opSize: 0 },
  });
  const networks = ["lan", "wan"].map((name) =>
    readNetwork(join(import.meta.dir, `../../docs/networks/${name}.json`)),
  );
  return {
    counts,
    predictions: networks.map((network) => predict(counts, network, pricesOf(mode))),
  };
}

const modes = ["pbft", "hotstuff"];
const rows = [
  rowOf("unreplicated-signed", 1),
  ...modes.flatMap((mode) => [1, 2].map((f) => rowOf(mode, f))),
];

describe("tables", () => {
  test("a line for each configuration", () => {
    const lines = formatCounts(rows).split("\n");
    expect(lines).toHaveLength(1 + rows.length);
    expect(lines[0]).toStartWith("protocol");
    const pbft = lines.find((line) => /^pbft +7 /.test(line))?.split(/ {2,}/);
    expect(pbft?.slice(0, 5)).toEqual(["pbft", "7", "each", "16.40", "84"]);
  });

  test("a line for each configuration and network", () => {
    const lines = formatPredictions(rows).split("\n");
    expect(lines).toHaveLength(1 + 2 * rows.length);
    expect(lines.filter((line) => line.includes(" wan "))).toHaveLength(rows.length);
  });

  test("predictions beside measurements, and what nobody predicts", () => {
    const [counts] = rows.map((row) => row.counts).filter(({ mode }) => mode === "pbft");
    if (counts === undefined) throw new Error("pbft is among the rows");
    const { throughput, demands } = predictColocated(counts, counts, 2, pricesOf("pbft"));
    // One of four replicas that did as counted, and three that did nothing.
    const { total, client } = counts;
    const of = (key: "signed" | "roots" | "verified") => 1000 * (total[key] - client[key]);
    const records = [1, 0, 0, 0].map((share) => ({
      executed: 1000,
      signatures: {
        ...{ signed: share * of("signed"), roots: share * of("roots") },
        ...{ verified: share * of("verified"), cached: 0 },
      },
    }));
    const signatures = compareSignatures(counts, records);
    for (const { ratio } of Object.values(signatures)) expect(ratio).toBeCloseTo(1, 9);
    const check = {
      ...{ counts, network: "wan", cores: 2, demands, signatures },
      throughput: compare(throughput, throughput / 2),
      latencyUs: null,
    };
    expect(check.throughput.ratio).toBeCloseTo(0.5, 9);
    const [, line] = formatChecks([check]).split("\n");
    expect(line).toMatch(/^pbft +4 +each +wan .* 0\.50 +- +- +- +[0-9.]+ /);
  });
});

describe("processes of one machine with a network between them", () => {
  const pbft = rows.find(({ counts }) => counts.mode === "pbft")?.counts;
  const wan = readNetwork(join(import.meta.dir, "../../docs/networks/wan.json"));

  test("take as long as those that are there, for clients at the first site", () => {
    if (pbft === undefined) throw new Error("pbft is among the rows");
    const near = predictColocated(pbft, pbft, 2, pricesOf("pbft"));
    const far = predictColocated(pbft, pbft, 2, pricesOf("pbft"), wan);
    expect(near.latencyUs ?? Infinity).toBeLessThan(5000);
    // Washington, Frankfurt, Tokyo, Sao Paulo: measured 293 ms between real processes.
    expect(far.latencyUs).toBeWithin(285_000, 300_000);
    // All clients wait for one operation each.
    const atMost = (1e6 * pbft.clients) / (far.latencyUs ?? 1);
    expect(far.throughput).toBeLessThanOrEqual(atMost);
    expect(near.throughput).toBeGreaterThan(atMost);
  });
});

describe("predictions", () => {
  test("more replicas are never faster, a WAN never quicker", () => {
    for (const mode of modes) {
      const [four, seven] = rows.filter(({ counts }) => counts.mode === mode);
      const [lan, wan] = four?.predictions ?? [];
      expect(seven?.predictions[0]?.throughput ?? Infinity).toBeLessThan(lan?.throughput ?? 0);
      expect(wan?.latencyUs ?? 0).toBeGreaterThan(100 * (lan?.latencyUs ?? Infinity));
      expect(wan?.throughput ?? Infinity).toBeLessThanOrEqual(lan?.throughput ?? 0);
    }
  });

  test("HotStuff has a block a view: distance bounds it where PBFT has many under way", () => {
    const bounds = modes.map((mode) => {
      const row = rows.find(({ counts }) => counts.mode === mode);
      return row?.predictions.find(({ network }) => network === "wan")?.bound;
    });
    expect(bounds[1]).toBe("pipeline");
  });
});

describe("charts", () => {
  test("have a mark for each count, and the papers' lines", async () => {
    const figures = await scaleFigures(rows);
    expect(figures.map(({ name }) => name)).toEqual([
      ...["messages", "signatures", "leader-bytes"],
      ...["throughput-lan", "latency-lan", "throughput-wan", "latency-wan"],
    ]);
    for (const { wide, narrow } of figures) {
      for (const svg of [wide, narrow]) {
        expect(svg).toStartWith("<svg");
        expect(svg).not.toContain("NaN");
      }
    }
    const messages = figures[0]?.wide ?? "";
    for (const told of ["pbft, counted, n 4: 24", "pbft, counted, n 7: 84"]) {
      expect(messages).toContain(`aria-label="${told}"`);
    }
    expect(messages).toContain("PBFT, OSDI '99: 2n(n-1), O(n²)");
    expect(messages).toContain("HotStuff, PODC '19: 2(n-1), O(n)");
    // Counted lines are solid; papers' have dashes and hollow marks of their own.
    const dashes = messages
      .match(/stroke-dasharray="[^"]*"/g)
      ?.filter((one) => !one.includes('"1,0"'));
    expect(new Set(dashes).size).toBe(2);
    const legend = [...messages.matchAll(/<path [^>]*d="([^"]*)" fill="(#\w+)" stroke="(#\w+)"/g)];
    const styles = legend.map(([, shape, fill, stroke]) => `${shape} ${fill === stroke}`);
    expect(new Set(styles).size).toBe(4);
  });

  test("are none where nothing is replicated", async () => {
    expect(await scaleFigures(rows.filter(({ counts }) => counts.n === 1))).toEqual([]);
  });
});

test.each([...protocols])("a cluster of %s in memory serves its clients", (_name, protocol) => {
  const options = {
    protocol,
    f: 1,
    batch: 2,
    clients: 12,
    protocolOptions: new Map(),
    seconds: 0.3,
  };
  expect(measureHandling(options)).toBeGreaterThan(0);
});
