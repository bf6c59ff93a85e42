// The client processes of one run on this machine, and their result: for demo and bench.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { INTERRUPTED, InterruptedError, RunError, UsageError } from "../base/errors.ts";
import { readJson } from "../cli/json-file.ts";
import type { Failure } from "../cli/output-file.ts";
import { mergeHistories, type HistoryEntry } from "../evaluation/history.ts";
import { mergeRecords } from "../evaluation/merge.ts";
import { loadArguments, type ClientLoad } from "../evaluation/point.ts";
import type { ResultRecord } from "../evaluation/record.ts";
import type { Child } from "./child.ts";
import type { Cluster } from "./cluster.ts";

/** What clients measured, and why that is not what was asked for, if it is not. */
export interface Outcome {
  readonly record: ResultRecord;
  readonly failure: string | null;
}

export class ClientProcesses {
  readonly #cluster: Cluster;
  readonly #clients: readonly {
    readonly child: Child;
    readonly json: string;
    /** Where it keeps its history; null: it keeps none. */
    readonly history: string | null;
  }[];

  /** Starts them all; `show` lets them print to the terminal. */
  constructor(cluster: Cluster, load: ClientLoad, args: readonly string[], show: boolean) {
    this.#cluster = cluster;
    this.#clients = Array.from({ length: load.clientProcesses }, (_, i) => {
      const json = join(cluster.dir, `client-${i}.json`);
      const history = load.history === true ? join(cluster.dir, `history-${i}.json`) : null;
      const kept = history === null ? [] : ["--history", history];
      const all = [...args, ...loadArguments(load, i), "--json", json, ...kept];
      return { child: cluster.client(all, show), json, history };
    });
  }

  signal(name: NodeJS.Signals): void {
    for (const { child } of this.#clients) child.signal(name);
  }

  /** Waits until each printed that; throws as Child does. */
  async printed(what: string | RegExp): Promise<void> {
    await Promise.all(this.#clients.map(({ child }) => child.printed(what)));
  }

  /** What they asked and were told, once they have ended; those that failed may have none. */
  get history(): readonly HistoryEntry[] {
    const kept = this.#clients.flatMap(({ history }) =>
      history !== null && existsSync(history) ? [readJson<HistoryEntry[]>(history)] : [],
    );
    return mergeHistories(kept);
  }

  /** What they warned of, each line once. */
  get warnings(): readonly string[] {
    const lines = this.#clients.flatMap(({ child }) => child.problems);
    const texts = lines.map((line) => line.replace(/^client: (?:warning: )?/, ""));
    return [...new Set(texts.filter((line) => line !== ""))];
  }

  /**
   * Waits for all of them; their results as one. Throws UsageError with what one of them refused,
   * RunError with why one failed or was interrupted.
   */
  async result(): Promise<ResultRecord> {
    const { record, failure } = await this.outcome();
    if (failure !== null) throw new RunError(failure);
    if (record.interrupted === true) throw new InterruptedError();
    return record;
  }

  /**
   * As `result`, but what failed clients measured all the same is told with the failure: of a
   * service that died, for instance, with the processes of the cluster that ended. So is what
   * interrupted ones measured.
   */
  async outcome(): Promise<Outcome> {
    const statuses = await Promise.all(this.#clients.map(({ child }) => child.ended()));
    const failures = [...this.#cluster.endings()];
    for (const [i, { child }] of this.#clients.entries()) {
      if (statuses[i] === 0 || statuses[i] === INTERRUPTED) continue;
      const reason = child.errors.trim();
      if (statuses[i] === 2) throw new UsageError(reason);
      failures.push(reason === "" ? (child.ending ?? "a client failed") : reason);
    }
    const failure = failures.length === 0 ? null : [...new Set(failures)].join("; ");
    const records = this.#clients.flatMap(({ json }) => {
      const told = existsSync(json) ? readJson<ResultRecord | Failure>(json) : null;
      return told === null || "failure" in told ? [] : [told];
    });
    if (records.length < this.#clients.length) {
      throw new RunError(failure ?? "a client told nothing");
    }
    return { record: mergeRecords(records), failure };
  }
}
