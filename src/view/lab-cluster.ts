// The cluster of a lab, as its page watches it: each host is asked by a program that runs there for
// what its process publishes, and nothing is done to it.

import type { Inventory } from "../cluster/ansible.ts";
import { commandOn } from "../cluster/lab-way.ts";
import { reasonOf, UsageError } from "../base/errors.ts";
import {
  clientCensusOf,
  replicaCensusOf,
  type PublishedClients,
  type PublishedProcess,
  type PublishedReplica,
} from "../process/census-page.ts";
import { textOfPage } from "../process/shared-page.ts";
import type { WatchedCluster } from "./live-cluster.ts";

/** How long until a host that cannot be reached is asked again. */
const AGAIN_MS = 2000;

type Kind = "replica" | "client";

/** The commands that ask the hosts of a lab, by role and in the order of ids. */
export interface LabCommands {
  readonly replicas: readonly LabCommand[];
  readonly clients: readonly LabCommand[];
}

export interface LabCommand {
  /** Of the host. */
  readonly name: string;
  readonly words: readonly string[];
}

/** Throws UsageError where a host is reached by something else than ssh. */
export function labCommands(inventory: Inventory): LabCommands {
  const commandOf = (kind: Kind, name: string): LabCommand => {
    const way = inventory.ways.get(name);
    const asked = [`${way?.directory}/process.sh`, "census", kind, way?.runDirectory ?? ""];
    const words = way === undefined ? null : commandOn(way, asked);
    if (words !== null) return { name, words };
    const how = way?.connection ?? "nothing";
    throw new UsageError(`${inventory.path}: ${name}: is reached by ${how}: expected ssh or local`);
  };
  return {
    replicas: inventory.replicas.map(({ name }) => commandOf("replica", name)),
    clients: inventory.clients.map(({ name }) => commandOf("client", name)),
  };
}

export class LabCluster implements WatchedCluster {
  readonly hands = null;
  readonly controlPath = null;
  readonly #replicas: readonly HostFeed<PublishedReplica>[];
  readonly #clients: readonly HostFeed<PublishedClients>[];
  #seen: Pick<PublishedReplica, "mode" | "f"> = { mode: "", f: 0 };

  /** `nowMs` is this machine's monotonic clock. */
  constructor({ replicas, clients }: LabCommands, nowMs: () => number) {
    this.#replicas = replicas.map((one) => new HostFeed(one, replicaCensusOf, nowMs));
    this.#clients = clients.map((one) => new HostFeed(one, clientCensusOf, nowMs));
  }

  get mode(): string {
    return this.#seen.mode;
  }
  get n(): number {
    return this.#replicas.length;
  }
  get f(): number {
    return this.#seen.f;
  }
  get clientProcesses(): number {
    return this.#clients.length;
  }

  endingOf(index: number): string | null {
    const feed = this.#replicas[index];
    if (feed === undefined || feed.last !== null) return null;
    return `replica ${index} does not run: ${feed.name}${feed.trouble}`;
  }

  replicaCensus(index: number): PublishedReplica | null {
    const found = this.#replicas[index]?.last ?? null;
    if (found !== null) this.#seen = found;
    return found;
  }

  clientCensus(index: number): PublishedClients | null {
    const feed = this.#clients[index];
    const found = feed?.last ?? null;
    if (feed === undefined || found === null) return null;
    const gaps = found.gaps.map(({ fromMs, toMs }) => ({
      fromMs: fromMs + feed.aheadMs,
      toMs: toMs + feed.aheadMs,
    }));
    return { ...found, gaps };
  }

  close(): void {
    for (const feed of [...this.#replicas, ...this.#clients]) feed.close();
  }
}

/** What one host tells of its process, from when it is made. */
class HostFeed<T extends PublishedProcess> {
  readonly name: string;
  /** What its process published last; null while none runs, or the host cannot be asked. */
  last: T | null = null;
  /** By how much this machine's clock is ahead of that one's, in milliseconds, at most. */
  aheadMs = Infinity;
  readonly #words: readonly string[];
  readonly #censusOf: (text: string | null) => T | null;
  readonly #nowMs: () => number;
  #child: Bun.Subprocess<"ignore", "pipe", "pipe"> | null = null;
  #closed = false;
  #trouble = "";

  constructor(
    { name, words }: LabCommand,
    censusOf: (text: string | null) => T | null,
    nowMs: () => number,
  ) {
    this.name = name;
    this.#words = words;
    this.#censusOf = censusOf;
    this.#nowMs = nowMs;
    void this.#ask();
  }

  /** Why it cannot be asked, to stand behind its name. */
  get trouble(): string {
    return this.#trouble === "" ? "" : ` (${this.#trouble})`;
  }

  close(): void {
    this.#closed = true;
    this.#child?.kill();
  }

  async #ask(): Promise<void> {
    while (!this.#closed) {
      try {
        this.#trouble = await this.#hearAll();
      } catch (error) {
        this.#trouble = reasonOf(error);
      }
      this.last = null;
      if (!this.#closed) await Bun.sleep(AGAIN_MS);
    }
  }

  /** Hears what the program prints until it ends; the last line of what it complained of. */
  async #hearAll(): Promise<string> {
    const child = Bun.spawn([...this.#words], {
      ...{ stdin: "ignore", stdout: "pipe", stderr: "pipe" },
      // An interrupt at the terminal is for this process.
      detached: true,
    });
    this.#child = child;
    const errors = new Response(child.stderr).text();
    let line = "";
    for await (const part of child.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = `${line}${part}`.split("\n");
      line = lines.pop() ?? "";
      for (const whole of lines) this.#hear(whole);
    }
    await child.exited;
    return (await errors).trimEnd().split("\n").at(-1) ?? "";
  }

  #hear(line: string): void {
    this.#trouble = "";
    if (line === "-") {
      this.last = null;
      return;
    }
    // What is half written is read the next time.
    const found = this.#censusOf(textOfPage(Buffer.from(line, "base64")));
    if (found === null) return;
    if (found.pid !== this.last?.pid) this.aheadMs = Infinity;
    this.aheadMs = Math.min(this.aheadMs, this.#nowMs() - found.atMs);
    this.last = found;
  }
}
