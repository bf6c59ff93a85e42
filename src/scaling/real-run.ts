// Real runs of compiled processes on this machine, which the cost model is checked against.

import { hasUse } from "../cli/protocol-options.ts";
import { ClientProcesses } from "../cluster/client-processes.ts";
import type { ChosenNetwork } from "../cluster/chosen-network.ts";
import { Cluster } from "../cluster/cluster.ts";
import type { SignatureKind } from "../protocol-config.ts";
import { protocols } from "../protocol/index.ts";
import { BATCH_BYTES_MAX } from "../protocol/kit/batch.ts";
import type { OptionValues } from "../protocol-config.ts";
import type { Measured } from "../evaluation/point-runner.ts";

export interface RealRun {
  readonly mode: string;
  readonly f: number;
  readonly signature: SignatureKind;
  readonly batch: number;
  readonly clients: number;
  /** Of the protocol, as far as they are given. */
  readonly protocolOptions: OptionValues;
  readonly opSize: number;
  /** Signature threads of each process. */
  readonly workers: number;
  readonly seconds: number;
  /** What lies between the processes; null: nothing. */
  readonly network: ChosenNetwork | null;
}

const WARM_SECONDS = "2";
/**
 * The model knows no retries: clients ask again after a quarter of it, and would do so all the time
 * where many processes share few processors.
 */
const VIEW_TIMEOUT_MS = 2000;

/** Runs a cluster through the fabric, which copies multicast packets, and one client process. */
export async function measureRun(run: RealRun): Promise<Measured> {
  const { mode, f, signature, batch, protocolOptions, workers, network } = run;
  const viewTimeoutMs = Math.max(VIEW_TIMEOUT_MS, network?.viewTimeoutMs ?? 0);
  const protocol = protocols.get(mode);
  const used = (name: string, value: string): readonly string[] =>
    protocol !== undefined && hasUse(protocol, name) ? [`--${name}`, value] : [];
  const common = [
    ...[...used("signature", signature), ...used("batch", String(batch))],
    // Batches are full, as those that were counted.
    ...used("batch-bytes", String(BATCH_BYTES_MAX)),
    ...[...used("workers", String(workers)), "--view-timeout", String(viewTimeoutMs)],
    ...[...protocolOptions].map(([name, value]) => `--${name}=${value}`),
  ];
  const cluster = await Cluster.start({
    mode,
    transport: "dpdk",
    f,
    link: false,
    clientPorts: 1,
    replicaArgs: common,
    clientArgs: common,
    fabricArgs: [],
    network: network?.path ?? null,
  });
  try {
    if (network !== null) await cluster.takesPart();
    const load = { clients: run.clients, clientProcesses: 1, rate: 0 };
    const time = ["-d", String(run.seconds), "--warm", WARM_SECONDS];
    const args = ["--op-size", String(run.opSize), ...time];
    const record = await new ClientProcesses(cluster, load, args, false).result();
    await cluster.stopReplicas();
    return { record, replicas: cluster.replicas.map((_, i) => cluster.replicaRecord(i)) };
  } finally {
    await cluster.stop();
  }
}
