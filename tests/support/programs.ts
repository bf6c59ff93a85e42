// Runs the programs from source, as their users do: arguments in; status, output and signals out.

import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { PROGRAM_MS } from "./patience.ts";

export const ROOT = resolve(import.meta.dir, "../..");
const POLL_MS = 10;

/** A second in which operations completed, as ./client tells it. */
export const SERVED = /[1-9][\d,.]* operations a second/;

export interface Ended {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

export interface Where {
  readonly root?: string;
  readonly cwd?: string;
  readonly env?: { readonly [name: string]: string };
}

/** A program that runs, with what it printed so far. */
export class Program {
  readonly #process: Bun.Subprocess<"ignore", "pipe", "pipe">;
  readonly #texts = { out: "", err: "" };
  /** Of both, as it came. */
  #said = "";
  readonly #read: Promise<unknown>;

  constructor(command: readonly string[], { cwd, env }: Where = {}, detached = false) {
    this.#process = Bun.spawn([...command], {
      cwd: cwd ?? ROOT,
      // Whatever it starts ends with it, or by itself.
      env: { ...process.env, ...env },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      detached,
      timeout: PROGRAM_MS,
      killSignal: "SIGKILL",
    });
    this.#read = Promise.all([this.#collect("out"), this.#collect("err")]);
  }

  get pid(): number {
    return this.#process.pid;
  }
  get out(): string {
    return this.#texts.out;
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  /** Waits until it printed something, a result or a message; throws if it ends before that. */
  async printed(text: string | RegExp): Promise<void> {
    await until(`it printed '${text}'`, () => {
      const seen = typeof text === "string" ? this.#said.includes(text) : text.test(this.#said);
      if (seen) return true;
      if (this.#process.exitCode === null && this.#process.signalCode === null) return false;
      throw new Error(`it ended: ${this.#texts.out}${this.#texts.err}`);
    });
  }

  async ended(): Promise<Ended> {
    const status = await this.#process.exited;
    await this.#read;
    return { status, ...this.#texts };
  }

  async #collect(which: "out" | "err"): Promise<void> {
    const stream = which === "out" ? this.#process.stdout : this.#process.stderr;
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      const text = decoder.decode(chunk, { stream: true });
      this.#texts[which] += text;
      this.#said += text;
    }
  }
}

/** `src/bin/<name>.ts`, run by bun. */
export function program(name: string, args: readonly string[], where: Where = {}): Program {
  const file = join(where.root ?? ROOT, `src/bin/${name}.ts`);
  return new Program([process.execPath, file, ...args], where);
}

/** Runs it to its end. */
export function run(name: string, args: readonly string[], where: Where = {}): Promise<Ended> {
  return program(name, args, where).ended();
}

/** Waits for a condition of the outside world; throws after a long time. */
export async function until(what: string, condition: () => boolean): Promise<void> {
  const endMs = Date.now() + PROGRAM_MS;
  while (!condition()) {
    if (Date.now() > endMs) throw new Error(`waited in vain until ${what}`);
    await Bun.sleep(POLL_MS);
  }
}

/** Processes that have this in their environment, with their command lines. */
export function marked(mark: string): readonly string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        if (!readFileSync(`/proc/${pid}/environ`, "latin1").includes(mark)) return [];
        const command = readFileSync(`/proc/${pid}/cmdline`, "latin1").replaceAll("\0", " ");
        // One that has ended and waits for its parent has no command line any more.
        return command === "" ? [] : [`${pid} ${command}`];
      } catch {
        // It ended meanwhile, or is somebody else's.
        return [];
      }
    });
}
