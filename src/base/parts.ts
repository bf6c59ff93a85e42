// A state in numbered parts: which of them changed since it was looked at last, and what those were
// then, while it goes on changing.

/**
 * A part of a state: what is small together, and behind it what is large, each by itself, so that
 * it is never copied. Nobody writes to them. What has some tens of records, or a few kilobytes
 * beside large values, is a part; a small application may be one part.
 */
export type Part = readonly Uint8Array[];

/** A state in parts, numbered from 0. */
export interface State {
  readonly count: number;
  part(index: number): Part;
}

/** A state as it was when it was looked at. */
export interface Snapshot extends State {
  /** Parts that are new, or not what they were in the snapshot, or restored state, before. */
  readonly changed: ReadonlySet<number>;
  /** One that changed until the next snapshot is taken; any other until the state changes. */
  part(index: number): Part;
}

export class Parts {
  readonly #make: (index: number) => Part;
  #count: number;
  /** Those that changed since the last snapshot. */
  #changed = new Set<number>();
  #frozen: Frozen | null = null;

  /** `make` gives a part as it is now; all of the first `count` are new. */
  constructor(make: (index: number) => Part, count: number) {
    this.#make = make;
    this.#count = 0;
    this.resize(count);
  }

  get count(): number {
    return this.#count;
  }

  /**
   * The part is about to change: a snapshot that tells of it keeps what it is. Whether that is the
   * first time since the last snapshot.
   */
  touch(index: number): boolean {
    if (this.#changed.has(index)) return false;
    if (this.#frozen?.changed.has(index) === true) this.#frozen.part(index);
    this.#changed.add(index);
    return true;
  }

  /**
   * There are so many parts from now on: those that are new are yet empty, and those that go are
   * still there.
   */
  resize(count: number): void {
    while (this.#count < count) this.#changed.add(this.#count++);
    while (this.#count > count) {
      this.touch(--this.#count);
      this.#changed.delete(this.#count);
    }
  }

  /** The state as it is, with the parts that changed since the last one, which ends here. */
  snapshot(): Snapshot {
    this.#frozen = new Frozen(this.#make, this.#count, this.#changed);
    this.#changed = new Set();
    return this.#frozen;
  }

  /** The state is another one, of so many parts, none of which changed since. */
  restored(count: number): void {
    this.#count = count;
    this.#changed.clear();
    this.#frozen = null;
  }
}

class Frozen implements Snapshot {
  readonly count: number;
  readonly changed: ReadonlySet<number>;
  readonly #make: (index: number) => Part;
  readonly #kept = new Map<number, Part>();

  constructor(make: (index: number) => Part, count: number, changed: ReadonlySet<number>) {
    this.#make = make;
    this.count = count;
    this.changed = changed;
  }

  part(index: number): Part {
    if (!this.changed.has(index)) return this.#make(index);
    let part = this.#kept.get(index);
    if (part === undefined) this.#kept.set(index, (part = this.#make(index)));
    return part;
  }
}
