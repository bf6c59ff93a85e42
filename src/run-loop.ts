// One thread runs everything: poll the transport, poll the stage, fire timers, repeat. No promises.

import type { Clock, Stage, Transport } from "./driver.ts";

/** Busy turns after which timers are looked at all the same. */
const BUSY_TURNS_MAX = 64;
/** Busy turns after which one queued signature job is run all the same. */
const HELP_EVERY = 8;

export interface RunLoopOptions {
  readonly clock: Clock;
  readonly transport: Pick<Transport, "poll">;
  readonly stage: Pick<Stage, "poll" | "help">;
  /** Nodes whose loopback is to be delivered: replicas. */
  readonly nodes: readonly { poll(): number }[];
  /** Called in a turn with nothing to do, with how many before it were such turns as well. */
  readonly idle: (empty: number) => void;
  /** Ends the loop; asked once a turn, so it must be cheap. */
  readonly stopped: () => boolean;
}

/**
 * Runs until stopped. Timers fire only in a turn whose polls brought nothing, or after 64 busy
 * ones, so that a process that was stopped or descheduled reads its mail before it suspects anyone.
 */
export function runLoop({ clock, transport, stage, nodes, idle, stopped }: RunLoopOptions): void {
  let busyTurns = 0;
  let empty = 0;
  while (!stopped()) {
    clock.update();
    let done = transport.poll() + stage.poll();
    for (const node of nodes) done += node.poll();
    if (done > 0) {
      empty = 0;
      if (++busyTurns % HELP_EVERY === 0) stage.help();
      if (busyTurns < BUSY_TURNS_MAX) continue;
    }
    busyTurns = 0;
    if (clock.poll() > 0 || done > 0 || stage.help()) empty = 0;
    else idle(empty++);
  }
}
