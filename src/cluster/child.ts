// A process that a program started, and what it printed so far.

import { RunError } from "../base/errors.ts";
import { log, print, problemsIn } from "../base/logger.ts";
import { Patience } from "../base/patience.ts";
import { KEEPING } from "../process/allocator.ts";

/** How long to wait for a line. */
const READY_MS = 20_000;
/** How long a process has to stop. */
const STOP_MS = 5_000;

/** A process with what it printed so far. */
export class Child {
  readonly name: string;
  readonly #process: Bun.Subprocess<"ignore", "pipe", "pipe">;
  readonly #waiting: (() => void)[] = [];
  readonly #show: boolean;
  /** What it wrote to standard output, to standard error, and to both as it came. */
  readonly #texts = { out: "", err: "", both: "" };
  readonly #read: Promise<unknown>;

  /** `show` has this process print its results and tell its messages, line by line. */
  constructor(name: string, command: readonly string[], dir: string, show: boolean) {
    this.name = name;
    this.#show = show;
    log.debug(`starts ${name}: ${command.join(" ")}`);
    this.#process = Bun.spawn([...command], {
      // A group of its own: an interrupt at the terminal is for the parent, which stops its
      // children in order.
      detached: true,
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      // A replica or client would begin anew for it, which takes as long as to begin.
      env: {
        ...KEEPING,
        ...process.env,
        TMPDIR: dir,
        RUNTIME_DIRECTORY: dir,
        OSKR_PARENT: String(process.pid),
      },
    });
    const { stdout, stderr } = this.#process;
    this.#read = Promise.all([this.#collect(stderr, "err"), this.#collect(stdout, "out")]);
  }

  get pid(): number {
    return this.#process.pid;
  }
  /** null while it runs; -1 if a signal ended it. */
  get status(): number | null {
    return this.#process.signalCode === null ? this.#process.exitCode : -1;
  }
  /** How it ended, for people, with what it said last; null while it runs. */
  get ending(): string | null {
    const { exitCode, signalCode } = this.#process;
    if (exitCode === null && signalCode === null) return null;
    const how = signalCode === null ? `ended with status ${exitCode}` : `ended by ${signalCode}`;
    const said = signalCode === null ? this.errors : this.problems.join("\n");
    return `${this.name} ${how}${said === "" ? "" : `: ${said}`}`;
  }
  /** All that it wrote so far: results, and messages to people. */
  get output(): string {
    return this.#texts.both;
  }
  /** Lines of warnings and errors. */
  get problems(): readonly string[] {
    return problemsIn(this.#texts.err);
  }
  /** What it warned of, and why it failed if it did. */
  get errors(): string {
    const problems = this.problems.join("\n");
    return problems === "" && (this.status ?? 0) !== 0 ? this.#texts.err.trim() : problems;
  }

  /**
   * Waits until it printed `what`; throws RunError if it ends before, or so long after it began to
   * wait or `advanced` was true.
   */
  async printed(
    what: string | RegExp,
    timeoutMs = READY_MS,
    advanced: () => boolean = () => false,
  ): Promise<void> {
    let patience = new Patience(Date.now());
    const seen = (): boolean =>
      typeof what === "string" ? this.output.includes(what) : what.test(this.output);
    while (!seen()) {
      if (this.status !== null) {
        await this.#read;
        const said = this.errors.trim() === "" ? `: ${this.output.trim()}` : "";
        throw new RunError(`${this.ending}${said}`);
      }
      if (advanced()) patience = new Patience(Date.now());
      if (patience.spent(Date.now()) > timeoutMs)
        throw new RunError(`${this.name} did not print '${what}'`);
      await Promise.race([new Promise<void>((wake) => this.#waiting.push(wake)), Bun.sleep(100)]);
    }
  }

  signal(name: NodeJS.Signals): void {
    if (this.status === null) this.#process.kill(name);
  }

  /** Its exit status, once it ended and all that it printed is here. */
  async ended(): Promise<number> {
    await this.#process.exited;
    await this.#read;
    return this.status ?? -1;
  }

  /** Asks it to stop, and kills it if it does not. */
  async stop(): Promise<void> {
    this.signal("SIGCONT");
    this.signal("SIGTERM");
    const done = await Promise.race([this.ended(), Bun.sleep(STOP_MS).then(() => null)]);
    if (done !== null) return;
    this.signal("SIGKILL");
    await this.ended();
  }

  async #collect(stream: ReadableStream<Uint8Array>, which: "out" | "err"): Promise<void> {
    const decoder = new TextDecoder();
    let begun = "";
    for await (const chunk of stream) {
      const text = decoder.decode(chunk, { stream: true });
      if (this.#show) {
        const lines = (begun + text).split("\n");
        begun = lines.pop() ?? "";
        this.#pass(lines, which);
      }
      this.#texts[which] += text;
      this.#texts.both += text;
      for (const wake of this.#waiting.splice(0)) wake();
    }
  }

  /** Warnings and errors are told by whoever reads `errors`. */
  #pass(lines: readonly string[], which: "out" | "err"): void {
    if (which === "out") {
      for (const line of lines) print(line);
      return;
    }
    const problems = problemsIn(lines.join("\n"));
    for (const line of lines) if (!problems.includes(line)) log.info(line);
  }
}
