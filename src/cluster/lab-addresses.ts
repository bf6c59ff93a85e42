// Whether the hosts of a lab have addresses with which replicas can work: by the parser and the
// rules of configurations, before anything is built or copied.

import { UsageError } from "../base/errors.ts";
import { parseAddress, parseDeployConfig, ProcessAddresses } from "../config.ts";

/** A host of an inventory. */
export interface LabHost {
  readonly name: string;
  /** `oskr_address`: as in deploy/*.config; the empty string if it is not given. */
  readonly address: string;
}

/** What is asked of the hosts in [replicas]. */
export interface LabAddresses {
  readonly replicas: readonly LabHost[];
  /** `oskr_multicast`; the empty string if there is none. */
  readonly multicast: string;
  /** How replicas and clients are reached. */
  readonly reached: readonly Reached[];
}

/** `ansible_connection`, `ansible_host` (the empty string if it is not given), and the name. */
export type Reached = readonly [connection: string, host: string, name: string];

/** What is found. */
export interface AddressVerdict {
  /** By host: why it can be no replica; hosts that can have none. */
  readonly problems: { readonly [host: string]: string };
  /** null where nobody has an address. */
  readonly transport: "dpdk" | "udp" | null;
}

/** Judges all hosts; where two have one address, both are told. */
export function judgeAddresses({ replicas, multicast, reached }: LabAddresses): AddressVerdict {
  const first = replicas.flatMap(({ address }) => parseAddress(address) ?? [])[0];
  if (first === undefined) return { problems: problemsOf(replicas), transport: null };
  const odd = replicas.filter(({ address }) => {
    const parsed = parseAddress(address);
    return parsed !== null && parsed.kind !== first.kind;
  });
  const own = machinesOf(reached) > 1 ? replicas.filter(isLoopback) : [];
  const problems = {
    ...Object.fromEntries(own.map(({ name, address }) => [name, loopbackProblem(address)])),
    ...Object.fromEntries(odd.map(({ name }) => [name, "MAC and IPv4 addresses cannot be mixed"])),
    // In both orders, because the second of two alike is the one that is told.
    ...problemsOf(replicas.toReversed()),
    ...problemsOf(replicas),
  };
  const transport = first.kind === "mac" ? "dpdk" : "udp";
  if (multicast === "" || Object.keys(problems).length > 0) return { problems, transport };
  const problem = groupProblem(replicas, multicast);
  const all = problem === null ? [] : replicas.map(({ name }) => [name, problem] as const);
  return { problems: Object.fromEntries(all), transport };
}

/** How many machines there are: hosts may be directories of one. */
function machinesOf(reached: readonly Reached[]): number {
  const names = reached.map(([connection, host, name]) =>
    connection === "local" ? "local" : host === "" ? name : host,
  );
  return new Set(names).size;
}

function isLoopback({ address }: LabHost): boolean {
  const parsed = parseAddress(address);
  return parsed?.kind === "ipv4" && parsed.host[0] === 127;
}

function loopbackProblem(address: string): string {
  return `oskr_address ${address} is every machine's own: others cannot send there`;
}

function problemsOf(replicas: readonly LabHost[]): { readonly [host: string]: string } {
  const processes = new ProcessAddresses();
  const problems: { [host: string]: string } = {};
  for (const { name, address } of replicas) {
    const result = processes.add(address, "a replica", `of ${name}`);
    if (address === "") problems[name] = "no oskr_address";
    else if (typeof result === "string") problems[name] = `oskr_address ${result}`;
  }
  return problems;
}

/** What is wrong with the group's address, which is a line of the configuration. */
function groupProblem(replicas: readonly LabHost[], multicast: string): string | null {
  const lines = ["f 0", ...replicas.map(({ address }) => `replica ${address}`)];
  try {
    parseDeployConfig("oskr_multicast", [`multicast ${multicast}`, ...lines].join("\n"));
    return null;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return error.message.replace(/^oskr_multicast:1:/, "oskr_multicast:");
  }
}
