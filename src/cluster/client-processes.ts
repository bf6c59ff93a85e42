// The client processes of one run on this machine, and their result: for demo and bench.

import { join } from "node:path";
import { RunError, UsageError } from "../base/errors.ts";
import { readJson } from "../cli/json-file.ts";
import { mergeRecords } from "../evaluation/merge.ts";
import { loadArguments, type ClientLoad } from "../evaluation/point.ts";
import type { ResultRecord } from "../evaluation/record.ts";
import type { Child, Cluster } from "./cluster.ts";

export class ClientProcesses {
  readonly #clients: readonly { readonly child: Child; readonly json: string }[];

  /** Starts them all; `show` lets them print to the terminal. */
  constructor(cluster: Cluster, load: ClientLoad, args: readonly string[], show: boolean) {
    this.#clients = Array.from({ length: load.clientProcesses }, (_, i) => {
      const json = join(cluster.dir, `client-${i}.json`);
      const all = [...args, ...loadArguments(load, i), "--json", json];
      return { child: cluster.client(all, show), json };
    });
  }

  signal(name: NodeJS.Signals): void {
    for (const { child } of this.#clients) child.signal(name);
  }

  /** What they warned of, each line once. */
  get warnings(): readonly string[] {
    const lines = this.#clients.flatMap(({ child }) => child.errors.split("\n"));
    const texts = lines.map((line) => line.replace(/^client: (?:warning: )?/, ""));
    return [...new Set(texts.filter((line) => line !== ""))];
  }

  /**
   * Waits for all of them; their results as one. Throws UsageError with what one of them refused,
   * RunError with why one failed.
   */
  async result(): Promise<ResultRecord> {
    const statuses = await Promise.all(this.#clients.map(({ child }) => child.ended()));
    for (const [i, { child }] of this.#clients.entries()) {
      if (statuses[i] === 0) continue;
      const reason = child.errors.trim();
      if (statuses[i] === 2) throw new UsageError(reason);
      throw new RunError(reason === "" ? `a client ended with status ${statuses[i]}` : reason);
    }
    return mergeRecords(this.#clients.map(({ json }) => readJson<ResultRecord>(json)));
  }
}
