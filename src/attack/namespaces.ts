// Hosts of their own for the processes of a cluster and for who attacks it: network namespaces on
// one bridge. They go with this process.

import { spawnSync } from "node:child_process";
import { RunError } from "../base/errors.ts";
import type { ClusterHosts } from "../cluster/cluster.ts";

/** The first three bytes of all addresses, which no other network here needs to have. */
const NETWORK = "10.91.77";
const FIRST_REPLICA = 10;
const CLIENTS = 9;
/** Of the attacker's own host; those in whose name it sends come behind it. */
const ATTACKER = 100;
const VICTIMS_MAX = 4;
const PORT = 5000;

/** Why there can be none here, in words that name the remedy; null: there can. */
export function lacksNamespaces(): string | null {
  if (process.geteuid?.() !== 0) return "needs root, to make network namespaces";
  if (Bun.which("ip") === null) return "needs ip; as root: apt-get install iproute2";
  return null;
}

export class Namespaces implements ClusterHosts {
  readonly attacker = `${NETWORK}.${ATTACKER}`;
  readonly #prefix = `oskr-${process.pid}`;
  readonly #names: string[] = [];
  readonly #leave = (): void => this.close();

  /** Makes those of a cluster of n replicas. Throws RunError; nothing is left then. */
  constructor(n: number) {
    process.on("exit", this.#leave);
    try {
      this.#add("bridge");
      this.#ip("-n", this.#of("bridge"), "link", "add", "bridge", "type", "bridge");
      this.#ip("-n", this.#of("bridge"), "link", "set", "bridge", "up");
      for (let i = 0; i < n; i++) this.#host(`replica${i}`, [FIRST_REPLICA + i]);
      this.#host("client", [CLIENTS]);
      const attackers = Array.from({ length: 1 + VICTIMS_MAX }, (_, i) => ATTACKER + i);
      this.#host("attacker", attackers);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  replicaAddress(index: number): string {
    return `${NETWORK}.${FIRST_REPLICA + index}:${PORT}`;
  }

  /** What a command begins with that is to run on a host. */
  on(host: `replica${number}` | "client" | "attacker"): readonly string[] {
    return ["ip", "netns", "exec", this.#of(host)];
  }

  close(): void {
    process.off("exit", this.#leave);
    for (const name of this.#names.splice(0)) spawnSync("ip", ["netns", "delete", name]);
  }

  #of(host: string): string {
    return `${this.#prefix}-${host}`;
  }

  #add(host: string): void {
    this.#ip("netns", "add", this.#of(host));
    this.#names.push(this.#of(host));
  }

  /** A namespace with an interface on the bridge that has these addresses. */
  #host(host: string, lasts: readonly number[]): void {
    const name = this.#of(host);
    const bridge = this.#of("bridge");
    this.#add(host);
    const pair = ["type", "veth", "peer", "name", "eth0", "netns", name];
    this.#ip("link", "add", host, "netns", bridge, ...pair);
    this.#ip("-n", bridge, "link", "set", host, "master", "bridge", "up");
    this.#ip("-n", name, "link", "set", "lo", "up");
    this.#ip("-n", name, "link", "set", "eth0", "up");
    for (const last of lasts) {
      this.#ip("-n", name, "address", "add", `${NETWORK}.${last}/24`, "dev", "eth0");
    }
  }

  #ip(...args: readonly string[]): void {
    const { status, stderr } = spawnSync("ip", [...args], { encoding: "utf8" });
    if (status !== 0) throw new RunError(`ip ${args.join(" ")}: ${stderr.trim()}`);
  }
}
