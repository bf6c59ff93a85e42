// A cluster that this process started, as its page watches it, and what the page can do to it.

import type { Cluster } from "../cluster/cluster.ts";
import {
  readClientCensus,
  readReplicaCensus,
  type PublishedClients,
  type PublishedReplica,
} from "../process/census-page.ts";
import type { Hands, WatchedCluster } from "./live-cluster.ts";

/** What of it is needed. */
interface Own {
  readonly cluster: Pick<
    Cluster,
    "n" | "replicas" | "kill" | "restart" | "censusPath" | "controlPath"
  >;
  readonly mode: string;
  readonly f: number;
  readonly clientProcesses: number;
}

export class OwnCluster implements WatchedCluster, Hands {
  readonly #own: Own;

  constructor(own: Own) {
    this.#own = own;
  }

  get mode(): string {
    return this.#own.mode;
  }
  get n(): number {
    return this.#own.cluster.n;
  }
  get f(): number {
    return this.#own.f;
  }
  get clientProcesses(): number {
    return this.#own.clientProcesses;
  }
  get controlPath(): string | null {
    return this.#own.cluster.controlPath;
  }
  get hands(): Hands {
    return this;
  }

  endingOf(index: number): string | null {
    return this.#own.cluster.replicas[index]?.ending ?? null;
  }

  replicaCensus(index: number): PublishedReplica | null {
    const { cluster } = this.#own;
    const found = readReplicaCensus(cluster.censusPath("replica", index));
    // What a process published that has ended is no news.
    return found?.pid === cluster.replicas[index]?.pid ? found : null;
  }

  clientCensus(index: number): PublishedClients | null {
    return readClientCensus(this.#own.cluster.censusPath("client", index));
  }

  signal(index: number, signal: "SIGSTOP" | "SIGCONT"): void {
    this.#own.cluster.replicas[index]?.signal(signal);
  }

  kill(index: number): Promise<void> {
    return this.#own.cluster.kill(index);
  }

  restart(index: number): Promise<void> {
    return this.#own.cluster.restart(index);
  }
}
