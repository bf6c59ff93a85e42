// An actor whose invariants are checked after each call.

import type { Actor, Replica, Sealed } from "../actor.ts";

type Watched = Actor<Sealed, string> & Pick<Replica<Sealed, string>, "assertInvariants">;

/** The actor, its invariants checked after each call, with `note` told of its timeouts. */
export function watchedActor(
  actor: Watched,
  note: ((what: string) => void) | null,
): Actor<Sealed, string> {
  const assertInvariants = actor.assertInvariants?.bind(actor);
  if (note === null && assertInvariants === undefined) return actor;
  const refuse = actor.refuse?.bind(actor);
  const refuseBytes = actor.refuseBytes?.bind(actor);
  return {
    receive: (from, message) => {
      actor.receive(from, message);
      assertInvariants?.();
    },
    timeout: (timer) => {
      note?.(`timeout ${timer}`);
      actor.timeout(timer);
      assertInvariants?.();
    },
    ...(refuse === undefined ? {} : { refuse }),
    ...(refuseBytes === undefined ? {} : { refuseBytes }),
  };
}
