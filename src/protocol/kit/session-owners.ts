// Who has how many sessions, and how many bytes of cached results: the shares of hosts, by which
// those with most give way. Which one that is follows from the sessions alone, whatever their
// history, because it is part of the replicated state.

import { Heap } from "../../base/heap.ts";

/** Classes of results by size, each of those twice as long as the last. */
const CLASSES = 32;

/** What it has to know of a session. */
interface Owned<S> {
  readonly owner: Owner<S>;
  /** Rises with each execution, whatever the session. */
  readonly stamp: number;
}

/** A session as it was when it was put into its owner's heap. */
interface Place<S> {
  readonly session: S;
  readonly stamp: number;
}

/** The sessions of one source: of a host, or of those that one replica relayed. */
export interface Owner<S> {
  readonly source: number;
  count: number;
  /**
   * Least recently executed first. A place that is out of date comes up and is put right, so that
   * an execution costs nothing here.
   */
  readonly places: Heap<Place<S>>;
  /** Its large results, by class, least recently executed first, and their bytes. */
  readonly large: (Set<S> | undefined)[];
  largeBytes: number;
  /** Where it is in the heap by bytes, or -1. */
  heapAt: number;
}

/** What an owner was like when it was put into the heap by count. */
interface Candidate<S> {
  readonly owner: Owner<S>;
  readonly count: number;
  /** When the session that it would lose was executed. */
  readonly stamp: number;
}

export class SessionOwners<S extends Owned<S>> {
  readonly #bySource = new Map<number, Owner<S>>();
  /**
   * As many candidates of an owner as it has sessions. One that is out of date seems to have more
   * sessions, or an older one, than it has, so that it comes up and is put right.
   */
  readonly #byCount = new Heap<Candidate<S>>(
    (a, b) => a.count > b.count || (a.count === b.count && a.stamp < b.stamp),
  );
  readonly #byBytes: Owner<S>[] = [];

  /** The owner of this source's sessions, which has none if there are none. */
  of(source: number): Owner<S> {
    let owner = this.#bySource.get(source);
    if (owner === undefined) {
      const places = new Heap<Place<S>>((a, b) => a.stamp < b.stamp);
      owner = { source, count: 0, places, large: [], largeBytes: 0, heapAt: -1 };
      this.#bySource.set(source, owner);
    }
    return owner;
  }

  /** Adds a session to its owner's. */
  add(session: S): void {
    const { owner, stamp } = session;
    owner.count++;
    owner.places.push({ session, stamp });
    const oldest = leastRecent(owner)?.stamp ?? stamp;
    this.#byCount.push({ owner, count: owner.count, stamp: oldest });
  }

  /**
   * Takes out the session that goes: of the owner with the most the least recently executed; of
   * owners with as many the one whose that is was executed least recently.
   */
  takeVictim(): S | undefined {
    for (;;) {
      const top = this.#byCount.pop();
      if (top === undefined) return undefined;
      const { owner } = top;
      const first = leastRecent(owner);
      if (first === undefined) continue;
      if (top.count !== owner.count || top.stamp !== first.stamp) {
        this.#byCount.push({ owner, count: owner.count, stamp: first.stamp });
        continue;
      }
      owner.places.pop();
      if (--owner.count === 0) this.#bySource.delete(owner.source);
      return first;
    }
  }

  /** The session, the last one executed, has a large result from now on. */
  keep(session: S, bytes: number): void {
    const { owner } = session;
    const size = classOf(bytes);
    (owner.large[size] ??= new Set()).add(session);
    this.#charge(owner, bytes);
  }

  /** It has it no more. */
  drop(session: S, bytes: number): void {
    const { owner } = session;
    owner.large[classOf(bytes)]?.delete(session);
    this.#charge(owner, -bytes);
  }

  /**
   * The session whose result goes: of the owner with the most bytes of large ones, or of several
   * that of the lowest source, the least recently executed of the largest class.
   */
  largest(): S | undefined {
    const owner = this.#byBytes[0];
    if (owner === undefined) return undefined;
    for (let size = CLASSES - 1; size >= 0; size--) {
      for (const session of owner.large[size] ?? []) return session;
    }
    return undefined;
  }

  clear(): void {
    this.#bySource.clear();
    while (this.#byCount.pop() !== undefined);
    this.#byBytes.length = 0;
  }

  /** Puts the owner where it belongs in the heap by bytes. */
  #charge(owner: Owner<S>, bytes: number): void {
    const heap = this.#byBytes;
    owner.largeBytes += bytes;
    if (owner.heapAt < 0) {
      owner.heapAt = heap.length;
      heap.push(owner);
    }
    if (owner.largeBytes === 0) {
      const last = heap.pop();
      if (last !== undefined && last !== owner) {
        this.#place(last, owner.heapAt);
        this.#sift(last);
      }
      owner.heapAt = -1;
    } else this.#sift(owner);
  }

  #sift(owner: Owner<S>): void {
    const heap = this.#byBytes;
    for (;;) {
      const at = owner.heapAt;
      const parent = heap[(at - 1) >> 1];
      if (at > 0 && parent !== undefined && hasMore(owner, parent)) {
        this.#place(owner, parent.heapAt);
        this.#place(parent, at);
        continue;
      }
      let child = heap[2 * at + 1];
      const other = heap[2 * at + 2];
      if (child !== undefined && other !== undefined && hasMore(other, child)) child = other;
      if (child === undefined || !hasMore(child, owner)) return;
      this.#place(owner, child.heapAt);
      this.#place(child, at);
    }
  }

  #place(owner: Owner<S>, at: number): void {
    owner.heapAt = at;
    this.#byBytes[at] = owner;
  }
}

function leastRecent<S extends Owned<S>>({ places }: Owner<S>): S | undefined {
  for (;;) {
    const top = places.peek();
    if (top === undefined) return undefined;
    const { session } = top;
    if (top.stamp === session.stamp) return session;
    places.pop();
    places.push({ session, stamp: session.stamp });
  }
}

function hasMore<S>(a: Owner<S>, b: Owner<S>): boolean {
  if (a.largeBytes !== b.largeBytes) return a.largeBytes > b.largeBytes;
  return a.source < b.source;
}

/** Results of 2^(class - 1) to 2^class - 1 bytes. */
function classOf(bytes: number): number {
  return Math.min(CLASSES - 1, 32 - Math.clz32(bytes));
}
