// A NEW-VIEW on its way in, and the VIEW-CHANGEs that it names.

import type { Signer } from "../../actor.ts";
import { equal } from "../../wire.ts";
import type { NewViewMessage, ViewChangeMessage } from "./message.ts";

/** A NEW-VIEW some of whose VIEW-CHANGEs are not here yet. */
export interface Incoming {
  readonly message: NewViewMessage;
  readonly found: Map<Signer, ViewChangeMessage>;
}

/** Whether the VIEW-CHANGE is one that the NEW-VIEW names, and is not here. */
export function lacks({ message, found }: Incoming, change: ViewChangeMessage): boolean {
  if (change.view !== message.view || found.has(change.replica)) return false;
  const name = message.viewChanges.find(({ replica }) => replica === change.replica);
  return name !== undefined && equal(name.digest, change.digest);
}

/** Takes in a VIEW-CHANGE that the NEW-VIEW lacks; says whether it does. */
export function completes(incoming: Incoming, change: ViewChangeMessage): boolean {
  const lacked = lacks(incoming, change);
  if (lacked) incoming.found.set(change.replica, change);
  return lacked;
}
