// A cluster's numbers as Prometheus reads them: its text format, version 0.0.4.

import type { LiveSample, LiveState } from "./live-data.ts";

export const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

interface Metric {
  readonly name: string;
  readonly type: "counter" | "gauge";
  readonly help: string;
  readonly values: readonly (readonly [labels: Labels, value: number])[];
}

interface Labels {
  readonly [name: string]: string | number;
}

/** `sample` is the last one, if there is any. */
export function metricsText(state: LiveState, sample: LiveSample | null): string {
  const all = [...ofClients(state, sample), ...ofReplicas(state)];
  return all.map((metric) => textOf(metric, { mode: state.mode })).join("");
}

function ofClients({ completed, inFlight }: LiveState, sample: LiveSample | null): Metric[] {
  const quantiles =
    sample === null
      ? []
      : ([
          ["0.5", sample.p50Us],
          ["0.99", sample.p99Us],
        ] as const);
  return [
    {
      name: "oskr_operations_total",
      type: "counter",
      help: "Operations of clients that completed",
      values: [[{}, completed]],
    },
    {
      name: "oskr_operations_in_flight",
      type: "gauge",
      help: "Operations that clients wait for",
      values: [[{}, inFlight]],
    },
    {
      name: "oskr_latency_seconds",
      type: "gauge",
      help: "Latency of what completed in the last tenth of a second",
      values: quantiles.map(([quantile, us]) => [{ quantile }, us / 1e6]),
    },
  ];
}

function ofReplicas({ replicas }: LiveState): Metric[] {
  const up = replicas.map(({ state }, replica) => [{ replica }, Number(state === "up")] as const);
  const known = replicas.flatMap(({ census }, replica) =>
    census === null ? [] : [{ replica, census }],
  );
  const each = (
    name: string,
    type: Metric["type"],
    help: string,
    value: (census: (typeof known)[number]["census"]) => number,
  ): Metric => ({
    ...{ name: `oskr_replica_${name}`, type, help },
    values: known.map(({ replica, census }) => [{ replica }, value(census)]),
  });
  return [
    {
      name: "oskr_replica_up",
      type: "gauge",
      help: "Whether its process runs and was not stopped",
      values: up,
    },
    each("running", "gauge", "Whether it takes part", ({ phase }) => Number(phase === "running")),
    each("leads", "gauge", "Whether it is the leader of its view", ({ leads }) => Number(leads)),
    each("view", "gauge", "The view that it is in", ({ view }) => view),
    each("committed", "gauge", "Highest slot or height that it committed", (one) => one.committed),
    each("executed_total", "counter", "Operations that it executed", ({ executed }) => executed),
    each("resident_bytes", "gauge", "Memory that it has", (one) => one.residentBytes),
    each("cpu_seconds_total", "counter", "Processor time that it took", (one) => one.cpuMs / 1000),
    {
      name: "oskr_replica_dropped_total",
      type: "counter",
      help: "Messages that it lost or could not trust, by reason",
      values: known.flatMap(({ replica, census }) =>
        census.dropped.map(([reason, count]) => [{ replica, reason }, count] as const),
      ),
    },
  ];
}

function textOf({ name, type, help, values }: Metric, common: Labels): string {
  const lines = values.map(([labels, value]) => {
    const all = Object.entries({ ...common, ...labels });
    return `${name}{${all.map(([label, of]) => `${label}="${escaped(of)}"`).join(",")}} ${value}\n`;
  });
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join("")}`;
}

function escaped(value: string | number): string {
  return String(value).replace(/[\\"]/g, "\\$&").replaceAll("\n", "\\n");
}
