// An actor whose invariants are checked after each call.

import { UNNEEDED, type Actor, type Replica, type Sealed } from "../actor.ts";
import type { Watch } from "./observer.ts";
import type { Process } from "./process.ts";

type Watched = Actor<Sealed, string> & Pick<Replica<Sealed, string>, "assertInvariants">;

/**
 * The actor, its invariants checked after each call, with `note` told of its timeouts and `watch`
 * of all.
 */
export function watchedActor(
  actor: Watched,
  process: Process,
  note: ((what: string) => void) | null,
  watch: Watch | null,
): Actor<Sealed, string> {
  const assertInvariants = actor.assertInvariants?.bind(actor);
  if (note === null && assertInvariants === undefined) return actor;
  const refuse = actor.refuse?.bind(actor);
  const refuseBytes = actor.refuseBytes?.bind(actor);
  return {
    receive: (from, message) => {
      watch?.receives(process, message);
      actor.receive(from, message);
      assertInvariants?.();
    },
    timeout: (timer) => {
      note?.(`timeout ${timer}`);
      watch?.timesOut(process, timer);
      actor.timeout(timer);
      assertInvariants?.();
    },
    ...(refuse === undefined
      ? {}
      : { refuse: watch === null ? refuse : told(refuse, process, watch) }),
    ...(refuseBytes === undefined ? {} : { refuseBytes }),
  };
}

/** The same, with the watch told of which message a refusal is. */
function told(
  refuse: NonNullable<Watched["refuse"]>,
  process: Process,
  watch: Watch,
): NonNullable<Watched["refuse"]> {
  return (from, message) => {
    const admission = refuse(from, message);
    if (admission !== null && admission !== UNNEEDED) watch.refuses(process, message);
    return admission;
  };
}
