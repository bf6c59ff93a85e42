// An application that tells what its replica has it do.

import type { App, Bytes } from "../actor.ts";
import { describe } from "../simulation/judge.ts";

type Noted = "execute" | "commit" | "rollback" | "checkpoint" | "restore";

/** Calls `note` before each call, for each operation; `op` is null where it is about none. */
export function notingApp(
  app: App,
  note: (kind: Noted, text: string, op: Bytes | null) => void,
): App {
  /** Executed and not committed. */
  const pending: Bytes[] = [];
  return {
    execute: (op) => {
      pending.push(op);
      note("execute", describe(op), op);
      return app.execute(op);
    },
    commit: (count) => {
      for (const op of pending.splice(0, count)) note("commit", describe(op), op);
      app.commit(count);
    },
    rollback: (count) => {
      const undone = pending.splice(Math.max(0, pending.length - count));
      for (const op of undone) note("rollback", describe(op), op);
      app.rollback(count);
    },
    snapshot: () => {
      note("checkpoint", "a snapshot for a checkpoint", null);
      return app.snapshot();
    },
    restore: (state, changed) => {
      pending.length = 0;
      note("restore", "a state of others", null);
      app.restore(state, changed);
    },
  };
}
