// NEW-VIEWs on their way in, and the VIEW-CHANGEs that they name.

import type { Address, Signer } from "../../actor.ts";
import { coverageMark } from "../../base/coverage-mark.ts";
import { equal } from "../../wire.ts";
import { ASKED_TOO_MUCH } from "../kit/peers.ts";
import type { ZyzzyvaContext } from "./context.ts";
import type { FetchViewChangeMessage, NewViewMessage, ViewChangeMessage } from "./message.ts";

/** A NEW-VIEW some of whose VIEW-CHANGEs are not here yet. */
export interface Incoming {
  readonly message: NewViewMessage;
  readonly found: Map<Signer, ViewChangeMessage>;
}

export class IncomingViews {
  readonly #context: Pick<ZyzzyvaContext, "host" | "answers">;
  /** By sender, the one of the highest view. */
  readonly #bySender = new Map<Signer, Incoming>();

  constructor(context: Pick<ZyzzyvaContext, "host" | "answers">) {
    this.#context = context;
  }

  get size(): number {
    return this.#bySender.size;
  }

  /** The view of the one that this replica sent; 0: there is none. */
  viewOf(sender: Signer): number {
    return this.#bySender.get(sender)?.message.view ?? 0;
  }

  /** One of whose VIEW-CHANGEs some may be known. */
  add(message: NewViewMessage, known: readonly ViewChangeMessage[]): Incoming {
    const incoming: Incoming = { message, found: new Map() };
    this.#bySender.set(message.replica, incoming);
    for (const change of known) completes(incoming, change);
    return incoming;
  }

  /** Whether one names the VIEW-CHANGE, and it is not here. */
  lacks(change: ViewChangeMessage): boolean {
    return [...this.#bySender.values()].some((incoming) => lacks(incoming, change));
  }

  /** Those that lacked the VIEW-CHANGE, and have it now. */
  completedBy(change: ViewChangeMessage): Incoming[] {
    return [...this.#bySender.values()].filter((incoming) => completes(incoming, change));
  }

  end(sender: Signer): void {
    this.#bySender.delete(sender);
  }

  /** Those of views up to this one are late. */
  forget(view: number): void {
    for (const [sender, { message }] of this.#bySender) {
      if (message.view <= view) this.#bySender.delete(sender);
    }
  }

  fetchMissing(): void {
    for (const incoming of this.#bySender.values()) this.ask(incoming);
  }

  /** Asks for VIEW-CHANGEs that are not here. */
  ask({ message, found }: Incoming): void {
    if (!this.#bySender.has(message.replica)) return;
    const { view } = message;
    for (const { replica, digest } of message.viewChanges) {
      if (found.has(replica)) continue;
      coverageMark("zyzzyva: missing view-change is fetched");
      this.#context.host.send("others", { kind: "fetchViewChange", view, replica, digest });
    }
  }

  /** Sends a VIEW-CHANGE that another replica lacks, if it is one of these. */
  answer(
    from: Address,
    { replica, view, digest }: FetchViewChangeMessage,
    known: readonly ViewChangeMessage[],
  ): void {
    const { host, answers } = this.#context;
    const change = known.find(
      (one) => one.replica === replica && one.view === view && equal(one.digest, digest),
    );
    if (change === undefined) {
      return host.drop("not admitted: fetch of a view change that is not here");
    }
    const question = `view change ${view} ${replica}`;
    if (!answers.allows(from, question, host.now)) return host.drop(ASKED_TOO_MUCH);
    answers.begin(from, question, host.now);
    answers.charge(from, change.body.length);
    host.send(from, change);
  }
}

function lacks({ message, found }: Incoming, change: ViewChangeMessage): boolean {
  if (change.view !== message.view || found.has(change.replica)) return false;
  const name = message.viewChanges.find(({ replica }) => replica === change.replica);
  return name !== undefined && equal(name.digest, change.digest);
}

function completes(incoming: Incoming, change: ViewChangeMessage): boolean {
  const lacked = lacks(incoming, change);
  if (lacked) incoming.found.set(change.replica, change);
  return lacked;
}
