// One thread runs everything: poll the transport, poll the stage, fire timers, repeat. No promises.

import type { Clock, Stage, Transport } from "./driver.ts";
import { CHECK, HELP, IDLE, OTHER, RECEIVE, SECTION } from "./base/sections.ts";

/** Busy turns after which timers are looked at all the same. */
const BUSY_TURNS_MAX = 64;
/** Busy turns after which a queued job is run all the same. */
const JOB_EVERY = 8;

/** Sees turns begin and end; `words` hold the section that this thread is in (sections.ts). */
export interface TurnObserver {
  readonly words: Int32Array;
  beginTurn(): void;
  /** The turn brought nothing. */
  idleTurn(): void;
}

const NOBODY: Pick<TurnObserver, "words"> = { words: new Int32Array(1) };

export interface RunLoopOptions {
  readonly clock: Clock;
  readonly transport: Transport;
  readonly stage: Stage;
  /** Nodes whose loopback is to be delivered: replicas. */
  readonly nodes: readonly { poll(): number }[];
  /** Called in a turn with nothing to do, with how many before it were such turns as well. */
  readonly idle: (empty: number) => void;
  /** Ends the loop; asked once a turn, so it must be cheap. */
  readonly stopped: () => boolean;
  readonly observer?: TurnObserver | null;
}

/**
 * Runs until stopped. Timers fire only in a turn whose polls brought nothing, or after 64 busy
 * ones, so that a process that was stopped or descheduled reads its mail before it suspects anyone.
 */
export function runLoop(options: RunLoopOptions): void {
  const { stopped } = options;
  const turn = turnOf(options);
  // The engine leaves compiled code where something comes for the first time, and finds back to it
  // in the next call. A loop that never ends is not called again: it was compiled anew then, with
  // all that a turn does, which took a second where processors are few. A turn is a function of
  // its own because of that, and larger than what the engine takes into another one.
  while (!stopped()) turn();
}

function turnOf({ clock, transport, stage, nodes, idle, observer }: RunLoopOptions): () => void {
  const { words } = observer ?? NOBODY;
  let busyTurns = 0;
  let empty = 0;
  const runJob = (): boolean => {
    words[SECTION] = HELP;
    const ran = stage.runJob();
    words[SECTION] = OTHER;
    return ran;
  };
  return () => {
    clock.update();
    observer?.beginTurn();
    words[SECTION] = RECEIVE;
    let done = transport.poll();
    words[SECTION] = CHECK;
    done += stage.poll();
    words[SECTION] = OTHER;
    for (const node of nodes) done += node.poll();
    if (done > 0) {
      empty = 0;
      if (++busyTurns % JOB_EVERY === 0) runJob();
      if (busyTurns < BUSY_TURNS_MAX) return;
    }
    busyTurns = 0;
    // A call that asks for another at once, slice by slice, must not keep jobs off.
    const fired = clock.poll();
    if (done > 0 || runJob() || fired > 0) {
      empty = 0;
      return;
    }
    observer?.idleTurn();
    words[SECTION] = IDLE;
    idle(empty++);
    words[SECTION] = OTHER;
  };
}
