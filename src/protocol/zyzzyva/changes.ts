// VIEW-CHANGEs, of each replica that of the highest view.

import type { Signer } from "../../actor.ts";
import type { ViewChangeHeader } from "./certificate.ts";
import type { ViewChangeMessage } from "./message.ts";

export class Changes {
  readonly #self: Signer;
  readonly #bySigner: (ViewChangeMessage | undefined)[];

  constructor(self: Signer, n: number) {
    this.#self = self;
    this.#bySigner = new Array<ViewChangeMessage | undefined>(n).fill(undefined);
  }

  get all(): readonly ViewChangeMessage[] {
    return this.#bySigner.filter((change) => change !== undefined);
  }
  get own(): ViewChangeMessage | undefined {
    return this.#bySigner[this.#self];
  }

  isNews({ replica, view }: ViewChangeMessage): boolean {
    const latest = this.#bySigner[replica];
    return latest === undefined || view > latest.view;
  }

  add(change: ViewChangeMessage): void {
    this.#bySigner[change.replica] = change;
  }

  /** Who is on the way to a later view than this one. */
  laterThan(view: number): readonly Signer[] {
    return this.all.filter((change) => change.view > view).map(({ replica }) => replica);
  }

  /** The first view after this one that so many others are on the way to at least, or itself. */
  firstAfter(view: number, others: number): number {
    let target = view;
    for (;;) {
      const later: number[] = [];
      for (const change of this.all) {
        if (change.replica !== this.#self && change.view > target) later.push(change.view);
      }
      if (later.length < others) return target;
      target = Math.min(...later);
    }
  }
}

/** What proves, of VIEW-CHANGEs of different replicas for this view or later, at most `max`. */
export function headersFrom(
  view: number,
  known: readonly ViewChangeHeader[],
  changes: readonly ViewChangeMessage[],
  max: number,
): ViewChangeHeader[] {
  const latest = new Map<Signer, ViewChangeHeader>();
  const add = (header: ViewChangeHeader) => {
    if (header.view < view) return;
    if (header.view > (latest.get(header.replica)?.view ?? -1)) latest.set(header.replica, header);
  };
  for (const header of known) add(header);
  for (const { replica, view: to, digest, seal } of changes) {
    if (seal !== undefined) add({ replica, view: to, digest, block: seal.signature });
  }
  return [...latest.values()].slice(0, max);
}
