// Measures points of a plan on this machine: each a cluster of compiled processes of its own.

import { RunError } from "../base/errors.ts";
import type { RunSettings, Measured, PointRunner } from "../evaluation/point-runner.ts";
import { clientArguments, replicaArguments } from "../evaluation/point.ts";
import type { Point } from "../evaluation/run.ts";
import { sequencerFor, type SequencerKind } from "../evaluation/sequencer-choice.ts";
import { ClientProcesses, type Outcome } from "./client-processes.ts";
import { chooseNetwork, viewTimeoutArguments, type ChosenNetwork } from "./chosen-network.ts";
import { Cluster } from "./cluster.ts";
import { crowdTimeoutOf } from "./crowd-timeout.ts";
import { within } from "./within.ts";

/** What a client may take beyond its measurement: it waits for links and first replies. */
const CLIENT_TIMEOUT_MS = 30_000;

export class LocalRunner implements PointRunner {
  async run(point: Point, settings: RunSettings, signal: AbortSignal): Promise<Measured> {
    signal.throwIfAborted();
    const network = networkOf(point);
    const cluster = await Cluster.start({
      mode: point.mode,
      network: network?.path ?? null,
      transport: point.transport,
      f: point.f,
      sequencer: sequencerOf(point),
      link: true,
      replicaArgs: [...replicaArguments(point, settings), ...viewTimeoutOf(point, network)],
      clientArgs: [...clientArguments(point, settings), ...viewTimeoutOf(point, network)],
      fabricArgs: [],
      clientPorts: point.clientProcesses,
    });
    try {
      await cluster.takesPart();
      const silent = point.fault === "silent" ? cluster.n - 1 : null;
      if (silent !== null) await cluster.kill(silent);
      const { record, failure } = await measure(cluster, point, settings, signal);
      if (failure !== null) throw new RunError(failure);
      await cluster.stopReplicas();
      const replicas = cluster.replicas.flatMap((_, i) =>
        i === silent ? [] : [cluster.replicaRecord(i)],
      );
      return { record, replicas };
    } finally {
      await cluster.stop();
    }
  }

  async close(): Promise<void> {}
}

function sequencerOf({ extras = {}, opSize }: Point): SequencerKind {
  return extras["sequencer"] === "process" ? "process" : sequencerFor(opSize);
}

/** What lies between the processes of a point; null: nothing. Throws UsageError. */
export function networkOf(point: Point): ChosenNetwork | null {
  const network = point.extras?.["network"];
  return network === undefined ? null : chooseNetwork(String(network), point);
}

/** That of the network, or of so many processes on few processors, unless the plan says another. */
function viewTimeoutOf(point: Point, network: ChosenNetwork | null): readonly string[] {
  const told = point.extras?.["viewTimeoutMs"] !== undefined;
  if (network !== null || told) return viewTimeoutArguments(network, told);
  const crowd = crowdTimeoutOf(point);
  return crowd === null ? [] : ["--view-timeout", String(crowd.viewTimeoutMs)];
}

/** Runs the clients; throws the signal's reason when it comes, RunError when they hang. */
async function measure(
  cluster: Cluster,
  point: Point,
  { seconds, warmSeconds }: RunSettings,
  signal: AbortSignal,
): Promise<Outcome> {
  signal.throwIfAborted();
  const clients = new ClientProcesses(cluster, point, [], false);
  const limitMs = (seconds + warmSeconds) * 1000 + CLIENT_TIMEOUT_MS;
  return within(clients.outcome(), { limitMs, late: "the clients hang", signal });
}
