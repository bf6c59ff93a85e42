// Shows that a run whose replica dies fails and says which process ended and by what signal, and
// that one which ended on purpose is no failure.

import { afterEach, expect } from "bun:test";
import { join } from "node:path";
import { ClientProcesses } from "../../src/cluster/client-processes.ts";
import { Cluster } from "../../src/cluster/cluster.ts";
import { libraries, testUnless } from "../support/optional.ts";
import { ROOT, SERVED } from "../support/programs.ts";
import { PATIENCE_MS } from "../support/patience.ts";

const bin = (name: string): readonly string[] => [
  ...[process.execPath, join(ROOT, "src/bin", `${name}.ts`)],
];
const commands = { replica: bin("replica"), client: bin("client") };
const TIME = ["--seconds", "0.2", "--warm", "0"];

let cluster: Cluster | null = null;
afterEach(async () => await cluster?.stop());

function start(mode: string): Promise<Cluster> {
  return Cluster.start({
    ...{ mode, transport: "udp", f: 1, link: true, clientPorts: 1, commands },
    ...{ replicaArgs: [], clientArgs: [], fabricArgs: [] },
  });
}

testUnless(libraries())(
  "clients of a replica that was killed name it and its signal, with what they saw",
  async () => {
    cluster = await start("unreplicated");
    const [replica] = cluster.replicas;
    replica?.signal("SIGKILL");
    await replica?.ended();
    expect(cluster.endings()).toEqual(["replica 0 ended by SIGKILL"]);
    const load = { clients: 3, clientProcesses: 1, rate: 0 };
    const clients = new ClientProcesses(cluster, load, TIME, false);
    await expect(clients.result()).rejects.toThrow(
      /^replica 0 ended by SIGKILL; client: no reply from replica 0 in /,
    );
  },
  PATIENCE_MS,
);

testUnless(libraries())(
  "a run that nobody served at the end has its record and its failure, one that was served none",
  async () => {
    cluster = await start("pbft");
    await cluster.takesPart();
    const load = { clients: 3, clientProcesses: 1, rate: 0 };
    await cluster.kill(3);
    expect(cluster.endings()).toEqual([]);
    const endless = ["--seconds", "1000", "--warm", "0"];
    const stopped = new ClientProcesses(cluster, load, endless, false);
    await stopped.printed(SERVED);
    stopped.signal("SIGINT");
    const served = await stopped.outcome();
    expect(served).toMatchObject({ failure: null, record: { serviceGone: false } });
    const clients = new ClientProcesses(cluster, load, ["--seconds", "8", "--warm", "0"], false);
    await clients.printed(SERVED);
    const [first] = cluster.replicas;
    first?.signal("SIGKILL");
    const { record, failure } = await clients.outcome();
    expect(record).toMatchObject({ serviceGone: true, inFlight: 3 });
    expect(failure).toMatch(/^replica 0 ended by SIGKILL; client: nobody served at the end: /);
  },
  PATIENCE_MS,
);
