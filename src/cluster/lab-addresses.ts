// Whether the hosts of a lab have addresses with which replicas and sequencers can work: by the
// parser and the rules of configurations, before anything is built or copied.

import { UsageError } from "../base/errors.ts";
import { parseAddress, parseDeployConfig, ProcessAddresses } from "../config.ts";
import { protocols } from "../protocol/index.ts";
import { SEQUENCER, SEQUENCERS_MAX } from "../protocol/kit/sequencer.ts";

/** A host of an inventory. */
export interface LabHost {
  readonly name: string;
  /** `oskr_address`: as in deploy/*.config; the empty string if it is not given. */
  readonly address: string;
}

/** What is asked of the hosts in [replicas] and [sequencers]. */
export interface LabAddresses {
  readonly replicas: readonly LabHost[];
  readonly sequencers: readonly LabHost[];
  /** `oskr_mode`; the empty string if that is not known yet. */
  readonly mode: string;
  /** `oskr_multicast`; the empty string if there is none. */
  readonly multicast: string;
  /** How all are reached. */
  readonly reached: readonly Reached[];
}

/** `ansible_connection`, `ansible_host` (the empty string if it is not given), and the name. */
export type Reached = readonly [connection: string, host: string, name: string];

/** What is found. */
export interface AddressVerdict {
  /** By host: why it can be no replica or sequencer; hosts that can have none. */
  readonly problems: { readonly [host: string]: string };
  /** null where nobody has an address. */
  readonly transport: "dpdk" | "udp" | null;
  /** Those that the mode has beside replicas and clients. */
  readonly roles: readonly string[];
}

/** How lines of the configuration begin. */
const LINES = { "a replica": "replica", "a sequencer": `role ${SEQUENCER}` } as const;

/** A host with what it is to be. */
interface Member extends LabHost {
  readonly whose: keyof typeof LINES;
}

/** Judges all hosts; where two have one address, both are told. */
export function judgeAddresses(lab: LabAddresses): AddressVerdict {
  const { replicas, multicast, reached, mode } = lab;
  const roles = [...(protocols.get(mode)?.roles?.keys() ?? [])];
  const members: readonly Member[] = [
    ...replicas.map((host) => ({ ...host, whose: "a replica" as const })),
    ...lab.sequencers.map((host) => ({ ...host, whose: "a sequencer" as const })),
  ];
  const first = members.flatMap(({ address }) => parseAddress(address) ?? [])[0];
  if (first === undefined) return { problems: problemsOf(members), transport: null, roles };
  const odd = members.filter(({ address }) => {
    const parsed = parseAddress(address);
    return parsed !== null && parsed.kind !== first.kind;
  });
  const own = machinesOf(reached) > 1 ? members.filter(isLoopback) : [];
  const problems = {
    ...Object.fromEntries(own.map(({ name, address }) => [name, loopbackProblem(address)])),
    ...Object.fromEntries(odd.map(({ name }) => [name, "MAC and IPv4 addresses cannot be mixed"])),
    // In both orders, because the second of two alike is the one that is told.
    ...problemsOf(members.toReversed()),
    ...problemsOf(members),
  };
  const transport = first.kind === "mac" ? "dpdk" : "udp";
  if (Object.keys(problems).length > 0) return { problems, transport, roles };
  const problem = sequencersProblem(lab, roles) ?? groupProblem(members, multicast);
  const all = problem === null ? [] : replicas.map(({ name }) => [name, problem] as const);
  return { problems: Object.fromEntries(all), transport, roles };
}

/** Why the mode cannot have so many sequencers. */
function sequencersProblem(
  { mode, sequencers: { length } }: LabAddresses,
  roles: readonly string[],
): string | null {
  if (length > SEQUENCERS_MAX) return `${length} hosts in [sequencers]; at most ${SEQUENCERS_MAX}`;
  const lacking = roles.find((role) => role !== SEQUENCER || length === 0);
  return lacking === undefined ? null : `${mode} needs hosts in [${lacking}s]`;
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

function problemsOf(members: readonly Member[]): { readonly [host: string]: string } {
  const processes = new ProcessAddresses();
  const problems: { [host: string]: string } = {};
  for (const { name, address, whose } of members) {
    const result = processes.add(address, whose, `of ${name}`);
    if (address === "") problems[name] = "no oskr_address";
    else if (typeof result === "string") problems[name] = `oskr_address ${result}`;
  }
  return problems;
}

/** What is wrong with the group's address, which is a line of the configuration. */
function groupProblem(members: readonly Member[], multicast: string): string | null {
  if (multicast === "") return null;
  const lines = ["f 0", ...members.map(({ whose, address }) => `${LINES[whose]} ${address}`)];
  try {
    parseDeployConfig("oskr_multicast", [`multicast ${multicast}`, ...lines].join("\n"));
    return null;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return error.message.replace(/^oskr_multicast:1:/, "oskr_multicast:");
  }
}
