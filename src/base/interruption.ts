// Signals that end a program, and what follows from one.

import { readFileSync } from "node:fs";

const STOP_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
/** Of a mask of signals, whose lowest bit is signal 1. */
const HANGUP = 1n;

/**
 * What a user, a shell or a terminal that is closed ends a program with; not the last where the
 * program was started with nohup.
 */
export function stopSignals(
  status: string = readFileSync("/proc/self/status", "utf8"),
): readonly NodeJS.Signals[] {
  const ignored = BigInt(`0x${/^SigIgn:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? "0"}`);
  return STOP_SIGNALS.filter((name) => name !== "SIGHUP" || (ignored & HANGUP) === 0n);
}

/** What signals began, once one came. */
let stopping: Promise<unknown> | null = null;

/**
 * Has `stop` run when a signal tells this process to stop: at the "first" of each, since the second
 * one is to end the process at once, or at "each".
 */
export function onStopSignal(which: "first" | "each", stop: () => void | Promise<void>): void {
  const stopped = (): void => {
    stopping = Promise.all([stopping, stop()]);
  };
  for (const signal of stopSignals()) process[which === "first" ? "once" : "on"](signal, stopped);
}

/**
 * Whether a signal came that `onStopSignal` waits for, once what that began is done. What failed
 * meanwhile did so because of it: a signal at the terminal goes to all processes of a group, and so
 * to a child that has not made its own yet.
 */
export async function interrupted(): Promise<boolean> {
  // A signal's handler runs in a turn of the event loop, which a failure that the same signal
  // caused may be ahead of.
  for (let turn = 0; turn < 2 && stopping === null; turn++) await Bun.sleep(1);
  await stopping;
  return stopping !== null;
}

/** Aborted by the first of each; the second ends the process. */
export function stopSignal(): AbortSignal {
  const controller = new AbortController();
  onStopSignal("first", () => controller.abort(new Error("interrupted")));
  return controller.signal;
}

/** Waits for it; at once if it was aborted before. */
export async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((done) => signal.addEventListener("abort", () => done()));
}
