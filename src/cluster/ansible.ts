// Ansible's programs as child processes: playbooks of deploy/ansible, and what an inventory holds.

import { spawnSync } from "node:child_process";
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { UsageError } from "../base/errors.ts";
import { log } from "../base/logger.ts";
import { readJson, writeJson } from "../cli/json-file.ts";
import { judgeAddresses, type LabAddresses, type LabHost, type Reached } from "./lab-addresses.ts";
import { labWayOf, type LabWay } from "./lab-way.ts";
import { within } from "./within.ts";

const PLAYBOOKS = resolve(import.meta.dir, "../../deploy/ansible");
/** How long one that was interrupted may take to end. */
const STOP_MS = 5_000;

export interface Inventory extends LabAddresses {
  readonly path: string;
  readonly clients: readonly LabHost[];
  /** The way to each host, by its name. */
  readonly ways: ReadonlyMap<string, LabWay>;
}

type Addressed = readonly [name: string, address: string];

/** What inventory.yml writes. */
interface Listing {
  readonly replicas: readonly Addressed[];
  readonly sequencers: readonly Addressed[];
  readonly clients: readonly string[];
  readonly multicast: string;
  readonly reached: readonly Reached[];
  readonly ways: readonly Way[];
}

/** Of a host: its name, and the fields of a LabWay. */
type Way = readonly [name: string, ...fields: readonly unknown[]];

/**
 * Reads an inventory by Ansible itself, whose warnings are passed on. Throws UsageError, also where
 * replicas or sequencers could not work with their addresses.
 */
export function readInventory(path: string): Inventory {
  // The PATH of now, as for the programs that are started: `which` alone has the one of the start.
  if (Bun.which("ansible-playbook", { PATH: process.env["PATH"] ?? "" }) === null) {
    throw new UsageError("--inventory needs Ansible; as root: apt-get install ansible-core");
  }
  const inventory = listInventory(path);
  for (const [group, hosts] of [
    ["replicas", inventory.replicas],
    ["clients", inventory.clients],
  ] as const) {
    if (hosts.length === 0) throw new UsageError(`--inventory ${path}: no hosts in [${group}]`);
  }
  const { problems } = judgeAddresses(inventory);
  const { replicas, sequencers } = inventory;
  const bad = [...replicas, ...sequencers].find(({ name }) => problems[name] !== undefined);
  if (bad === undefined) return inventory;
  throw new UsageError(`--inventory ${path}: ${bad.name}: ${problems[bad.name]}`);
}

function listInventory(path: string): Inventory {
  const dir = mkdtempSync(join(tmpdir(), "oskr-inventory-"));
  try {
    const out = join(dir, "inventory.json");
    const variables = join(dir, "variables.json");
    writeJson(variables, { oskr_out: out });
    const args = ["-i", resolve(path), "-e", `@${variables}`, "inventory.yml"];
    const ran = spawnSync("ansible-playbook", args, { cwd: PLAYBOOKS, env: environment() });
    const warnings = messagesIn(String(ran.stderr));
    if (ran.status !== 0 || !existsSync(out)) {
      const why = [...warnings, ...failuresOf(String(ran.stdout))].join("; ");
      throw new UsageError(`--inventory ${path}: ${ran.error?.message ?? why}`);
    }
    for (const warning of warnings) log.warn(`Ansible: ${warning}`);
    const { replicas, sequencers, clients, multicast, reached, ways } = readJson<Listing>(out);
    const hostsOf = (hosts: readonly Addressed[]): readonly LabHost[] =>
      hosts.map(([name, address]) => ({ name, address: String(address) }));
    return {
      path: resolve(path),
      // Points of a plan say which modes are to run.
      mode: "",
      replicas: hostsOf(replicas),
      sequencers: hostsOf(sequencers),
      clients: clients.map((name) => ({ name, address: "" })),
      multicast,
      reached,
      ways: new Map(ways.map(([name, ...fields]) => [name, labWayOf(name, fields)])),
    };
  } finally {
    rmSync(dir, { recursive: true });
  }
}

/** Ansible's warnings and errors, each in one line again: it breaks them for a narrow terminal. */
export function messagesIn(errors: string): readonly string[] {
  const messages: string[] = [];
  for (const line of errors.split("\n")) {
    const [, text] = /^(?:\[WARNING\]:|ERROR!) *(.*)/.exec(line) ?? [];
    if (text !== undefined) messages.push(text.replace(/^\* */, ""));
    else if (line.trim() === "") messages.push("");
    else messages.push(`${messages.pop() ?? ""} ${line.trim()}`.trim());
  }
  return messages.filter((message) => message !== "");
}

export interface PlaybookOptions {
  readonly inventory: Inventory;
  /** Extra variables; a file is written for them beside the log. */
  readonly variables: { readonly [name: string]: unknown };
  /** A file for what the playbook prints. */
  readonly log: string;
  readonly limitMs: number;
  /** Interrupts it. */
  readonly signal: AbortSignal | null;
}

/**
 * Runs a playbook to its end; its exit status. Throws the signal's reason when that interrupted it,
 * RunError when it took too long.
 */
export async function runPlaybook(name: string, options: PlaybookOptions): Promise<number> {
  const { inventory, log: file, limitMs, signal } = options;
  signal?.throwIfAborted();
  const variables = `${file}.variables.json`;
  writeJson(variables, options.variables);
  const args = ["-i", inventory.path, "-e", `@${resolve(variables)}`, `${name}.yml`];
  const output = openSync(file, "a");
  const child = Bun.spawn(["ansible-playbook", ...args], {
    cwd: PLAYBOOKS,
    env: environment(),
    // A group of its own: an interrupt at the terminal is for this process, which stops it in
    // order.
    detached: true,
    stdin: "ignore",
    stdout: output,
    stderr: output,
  });
  closeSync(output);
  const late = `${name}.yml takes longer than ${limitMs / 1000} s: ${file}`;
  try {
    return await within(child.exited, { limitMs, late, signal });
  } finally {
    await stop(child);
  }
}

/** The lines in which a playbook told what failed. */
export function failuresIn(file: string): readonly string[] {
  return failuresOf(readFileSync(file, "utf8"));
}

function failuresOf(output: string): readonly string[] {
  return output.split("\n").filter((line) => /^(fatal: |ERROR! )/.test(line));
}

/** Interrupts a playbook, and kills it if that is not enough. */
async function stop(child: Bun.Subprocess): Promise<void> {
  for (const signal of ["SIGINT", "SIGKILL"] as const) {
    if (child.exitCode !== null || child.signalCode !== null) return;
    process.kill(-child.pid, signal);
    await Promise.race([child.exited, Bun.sleep(STOP_MS)]);
  }
}

/** Ansible wants UTF-8, and its own settings rather than those of the directory it is called in. */
function environment(): NodeJS.ProcessEnv {
  return {
    ...process.env,
    LC_ALL: "C.UTF-8",
    ANSIBLE_NOCOLOR: "1",
    // Groups of groups of groups come in the order of Python's hashes, which is a new one each
    // time, and hosts have their ids by it.
    PYTHONHASHSEED: "0",
    ANSIBLE_CONFIG: join(PLAYBOOKS, "ansible.cfg"),
  };
}
