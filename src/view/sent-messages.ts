// Which handler sent what leaves a node. A message that is signed leaves in a later event than its
// handler's; because messages leave a node in the order of `send`, it is the oldest that has not.

import type { Sealed } from "../actor.ts";
import type { Process } from "../simulation/process.ts";

interface Sent {
  readonly message: Sealed;
  readonly handler: number;
}

interface Lane {
  readonly waiting: Sent[];
  /** What left, for what loops back. */
  readonly departed: Sent[];
}

/** What left is kept for its loopback; it comes back long before so many others leave. */
const DEPARTED_MAX = 256;

export class SentMessages {
  readonly #lanes = new Map<string, Lane>();
  /** What leaves now, and whose it is. */
  #leaving: Sent | null = null;
  #leaver = -1;

  /** A node with an empty memory. */
  begin(process: Process, id: number): void {
    this.#lanes.set(nameOf(process, id), { waiting: [], departed: [] });
  }

  encoded(process: Process, id: number, message: Sealed, handler: number): void {
    this.#lane(process, id).waiting.push({ message, handler });
  }

  /** What the node encoded last never leaves. */
  dropped(process: Process, id: number): void {
    this.#lane(process, id).waiting.pop();
  }

  leaves(process: Process, id: number): void {
    const { waiting, departed } = this.#lane(process, id);
    const sent = waiting.shift() ?? null;
    this.#leaving = sent;
    this.#leaver = process.index;
    if (sent === null) return;
    departed.push(sent);
    if (departed.length > DEPARTED_MAX) departed.shift();
  }

  left(): void {
    this.#leaving = null;
  }

  /**
   * The handler that sent what travels now from the process: `otherwise` if no `send` of its nodes
   * did, as what strangers send when they see a message leave.
   */
  cause({ index }: Process, otherwise: number): number {
    return this.#leaver === index ? (this.#leaving?.handler ?? otherwise) : otherwise;
  }

  /** The handler that sent what loops back to the process; -1 if it is not known. */
  returns(process: Process, message: Sealed): number {
    for (const [name, { departed }] of this.#lanes) {
      if (!name.startsWith(`${process.index}.`)) continue;
      const at = departed.findIndex((sent) => isSame(sent.message, message));
      if (at >= 0) return departed.splice(at, 1)[0]?.handler ?? -1;
    }
    return -1;
  }

  #lane(process: Process, id: number): Lane {
    const name = nameOf(process, id);
    let lane = this.#lanes.get(name);
    if (lane === undefined) {
      lane = { waiting: [], departed: [] };
      this.#lanes.set(name, lane);
    }
    return lane;
  }
}

function nameOf({ index }: Process, id: number): string {
  return `${index}.${id}`;
}

/** Whether one is the other with its seal, which is a copy with the same fields. */
function isSame(one: Sealed, other: Sealed): boolean {
  if (one === other) return true;
  const fields = other as unknown as { readonly [name: string]: unknown };
  if ("kind" in one && fields["kind"] !== one.kind) return false;
  for (const [name, value] of Object.entries(one)) {
    if (name !== "seal" && fields[name] !== value) return false;
  }
  return true;
}
