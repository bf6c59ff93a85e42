// Ansible's programs as child processes: playbooks of deploy/ansible, and what an inventory holds.

import { spawnSync } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { UsageError } from "../base/errors.ts";
import { writeJson } from "../cli/json-file.ts";
import { within } from "./within.ts";

const PLAYBOOKS = resolve(import.meta.dir, "../../deploy/ansible");
/** How long one that was interrupted may take to end. */
const STOP_MS = 5_000;

/** A host of an inventory. */
export interface LabHost {
  readonly name: string;
  /** `oskr_address`: as in deploy/*.config; the empty string if it is not given. */
  readonly address: string;
}

export interface Inventory {
  readonly path: string;
  readonly replicas: readonly LabHost[];
  readonly clients: readonly LabHost[];
}

/** What `ansible-inventory --list` prints. */
interface Listing {
  readonly _meta?: { readonly hostvars?: { readonly [host: string]: { oskr_address?: string } } };
  readonly replicas?: { readonly hosts?: readonly string[] };
  readonly clients?: { readonly hosts?: readonly string[] };
}

/** Reads an inventory by Ansible itself. Throws UsageError. */
export function readInventory(path: string): Inventory {
  // The PATH of now, as for the programs that are started: `which` alone has the one of the start.
  if (Bun.which("ansible-playbook", { PATH: process.env["PATH"] ?? "" }) === null) {
    throw new UsageError("--inventory needs Ansible; as root: apt-get install ansible-core");
  }
  const args = ["-i", resolve(path), "--list"];
  const ran = spawnSync("ansible-inventory", args, { cwd: PLAYBOOKS, env: environment() });
  if (ran.status !== 0) {
    throw new UsageError(`--inventory ${path}: ${ran.error?.message ?? String(ran.stderr).trim()}`);
  }
  // Ansible takes a file that is not there for no error, and lists nothing.
  const unread = /Unable\s+to\s+parse/.test(String(ran.stderr)) ? "; Ansible cannot parse it" : "";
  const listing = JSON.parse(String(ran.stdout)) as Listing;
  const hosts = (group: "replicas" | "clients"): readonly LabHost[] => {
    const names = listing[group]?.hosts ?? [];
    if (names.length === 0)
      throw new UsageError(`--inventory ${path}: no hosts in [${group}]${unread}`);
    const variables = listing._meta?.hostvars ?? {};
    return names.map((name) => ({ name, address: variables[name]?.oskr_address ?? "" }));
  };
  return { path: resolve(path), replicas: hosts("replicas"), clients: hosts("clients") };
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
  const { inventory, log, limitMs, signal } = options;
  signal?.throwIfAborted();
  const variables = `${log}.variables.json`;
  writeJson(variables, options.variables);
  const args = ["-i", inventory.path, "-e", `@${resolve(variables)}`, `${name}.yml`];
  const output = openSync(log, "a");
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
  const late = `${name}.yml takes longer than ${limitMs / 1000} s: ${log}`;
  try {
    return await within(child.exited, { limitMs, late, signal });
  } finally {
    await stop(child);
  }
}

/** The lines in which a playbook told what failed. */
export function failuresIn(log: string): readonly string[] {
  return readFileSync(log, "utf8")
    .split("\n")
    .filter((line) => /^(fatal: |ERROR! )/.test(line));
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
    ANSIBLE_CONFIG: join(PLAYBOOKS, "ansible.cfg"),
  };
}
