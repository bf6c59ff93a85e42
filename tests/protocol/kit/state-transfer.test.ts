// Shows what checkpoints name and how it is transferred: a digest knows no history, hashing is done
// in slices while the state goes on, only what differs is sent, and a wrong byte is found at once.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Address, Bytes, Part, Snapshot, State } from "../../../src/actor.ts";
import { Parts } from "../../../src/base/parts.ts";
import { PIECES_MAX, type PieceId, type StateMessage } from "../../../src/protocol/kit/messages.ts";
import { keyOf, pieceOf } from "../../../src/protocol/kit/state-assembly.ts";
import { CHUNK_LENGTH, StateVersion } from "../../../src/protocol/kit/state-tree.ts";
import { StateTransfer } from "../../../src/protocol/kit/state-transfer.ts";
import { StateVersions, type StateMachine } from "../../../src/protocol/kit/state-versions.ts";
import { EMPTY } from "../../../src/wire.ts";

const SLOT = 8;

const bytes = (length: number, fill = 1) => new Uint8Array(length).fill(fill);

/** A state of parts that a test writes to. */
class Machine implements StateMachine {
  #parts: Part[] = [];
  readonly #changes = new Parts((index) => this.#parts[index] ?? [], 0);
  /** Parts that were put into it, in all. */
  restored = 0;

  set(index: number, ...part: Part): this {
    if (index >= this.#parts.length) this.resize(index + 1);
    this.#changes.touch(index);
    this.#parts[index] = part;
    return this;
  }
  resize(count: number): this {
    this.#changes.resize(count);
    while (this.#parts.length < count) this.#parts.push([]);
    this.#parts.length = count;
    return this;
  }
  get parts(): readonly Part[] {
    return this.#parts;
  }
  snapshot(): { readonly head: Bytes; readonly states: readonly Snapshot[] } {
    return { head: Uint8Array.of(this.#parts.length), states: [this.#changes.snapshot()] };
  }
  restore(
    _head: Bytes,
    [state]: readonly State[],
    [changed = []]: readonly (readonly number[])[],
  ): boolean {
    if (state === undefined) return false;
    this.#parts = Array.from({ length: state.count }, (_, index) => this.#parts[index] ?? []);
    for (const index of changed) this.#parts[index] = state.part(index);
    this.restored += changed.length;
    this.#changes.restored(state.count);
    return true;
  }
}

/** Its version as it is now. */
function versionOf(versions: StateVersions, slot = SLOT): StateVersion {
  versions.begin(slot);
  for (;;) {
    const hashed = versions.work();
    if (hashed !== null) return hashed.version;
  }
}

const fresh = (machine: Machine) => new StateVersions(machine);
const anew = (parts: readonly Part[]) => {
  const machine = new Machine();
  for (const [index, part] of parts.entries()) machine.set(index, ...part);
  return versionOf(fresh(machine));
};

const part = fc.array(fc.constantFrom(0, 1, 100, 5000, CHUNK_LENGTH, CHUNK_LENGTH + 1, 70_000), {
  maxLength: 3,
});
const step = fc.record({ index: fc.nat(40), lengths: part, count: fc.option(fc.nat(300)) });

function play(machine: Machine, { index, lengths, count }: Step): void {
  machine.set(index, ...lengths.map((length) => bytes(length, index)));
  if (count !== null) machine.resize(count);
}

interface Step {
  readonly index: number;
  readonly lengths: readonly number[];
  readonly count: number | null;
}

describe("versions of a state", () => {
  test("P6 equal states have equal digests whatever their history, hashed at once or in slices", () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 20 }), fc.nat(5), (steps, every) => {
        const machine = new Machine();
        const versions = new StateVersions(machine, 1);
        for (const [i, one] of steps.entries()) {
          play(machine, one);
          if (i % (every + 1) !== 0) continue;
          const { parts } = machine;
          const then = parts.map((part) => part.map((one) => one.slice()));
          versions.begin(i);
          let hashed = versions.work();
          // The state goes on while its version is hashed.
          play(machine, { ...one, lengths: [7], count: null });
          while (hashed === null) hashed = versions.work();
          expect(hashed.version.digest).toEqual(anew(then).digest);
          play(machine, one);
        }
      }),
      { numRuns: 60 },
    );
  });

  test("P6 a digest tells any two states apart", () => {
    const states = [
      [],
      [[]],
      [[EMPTY]],
      [[], []],
      [[bytes(1)]],
      [[bytes(1, 2)]],
      [[bytes(1), bytes(1)]],
      [[bytes(2)]],
      [[bytes(1)], [bytes(1)]],
      [[EMPTY, bytes(40_000)]],
      [[EMPTY, bytes(40_000, 2)]],
      [[bytes(40_000)]],
    ];
    expect(new Set(states.map((parts) => anew(parts).digest.toHex())).size).toBe(states.length);
  });

  test("P11 a state that is shorter than its last version gets back what the next shares with that", () => {
    const machine = new Machine();
    for (let i = 0; i < 3; i++) machine.set(i, bytes(10, i));
    const versions = fresh(machine);
    versionOf(versions);
    const next = new Machine();
    for (let i = 0; i < 3; i++) next.set(i, bytes(10, i === 1 ? 7 : i));
    const version = versionOf(fresh(next));
    for (const shorter of [2, 0]) {
      machine.resize(shorter);
      expect(versions.restore(EMPTY, version)).toBe(true);
      expect(machine.parts).toEqual(next.parts);
    }
  });

  test("P6 a version costs what changed, and no slice is longer than it may be", () => {
    const machine = new Machine();
    for (let i = 0; i < 5000; i++) machine.set(i, bytes(1000, i));
    const sliceBytes = 64 * 1024;
    const versions = new StateVersions(machine, sliceBytes);
    const turns = () => {
      versions.begin(SLOT);
      let count = 1;
      while (versions.work() === null) count++;
      return count;
    };
    // About 5 MB of parts and 334 nodes, in slices that are as long as they may be but for a piece.
    const all = turns();
    expect(all).toBeGreaterThan((5000 * 1500) / (sliceBytes + 2000) - 1);
    expect(turns()).toBe(1);
    machine.set(77, bytes(1000, 3));
    const [tree] = versions.trees;
    expect(turns()).toBe(1);
    // All but the way from the root to the part is shared with the version before.
    const [next] = versions.trees;
    const shared = (next?.root?.children ?? []).filter((child) =>
      tree?.root?.children.includes(child),
    );
    expect(shared.length).toBe((tree?.root?.children.length ?? 0) - 1);
    machine.set(78, EMPTY, bytes(1024 * 1024));
    expect(turns()).toBeGreaterThan((1024 * 1024) / (sliceBytes + CHUNK_LENGTH) - 1);
    // What stands by itself is hashed once, and never copied.
    const value = versions.trees[0]?.part(78)[1];
    machine.set(78, bytes(3), value ?? EMPTY);
    expect(turns()).toBe(1);
    expect(versions.trees[0]?.part(78)[1]).toBe(value as Bytes);
  });
});

/** A network of replicas that have versions, and one that fetches. */
class Fetch {
  readonly machine = new Machine();
  readonly versions = new StateVersions(this.machine);
  readonly sent: {
    readonly peer: Address;
    readonly slot: number;
    readonly pieces: readonly PieceId[];
  }[] = [];
  readonly transfer = new StateTransfer({
    ...{ self: 3, n: 4, own: this.versions },
    ask: (peer, slot, pieces) => this.sent.push({ peer, slot, pieces }),
  });
  bytes = 0;
  readonly answerers = new Set<Address>();
  readonly seen: string[] = [];

  /** Answers what was asked for, with `versions`' by slot; whether the state is whole. */
  run(
    served: ReadonlyMap<number, StateVersion>,
    from: StateVersions,
    alter: (peer: Address, message: StateMessage) => StateMessage | null = (_, message) => message,
  ): StateVersion | null {
    for (let i = 0; i < 10_000; i++) {
      const question = this.sent.shift();
      if (question === undefined) return this.transfer.take();
      const version = served.get(question.slot);
      if (version === undefined) return null;
      expect(question.pieces.length).toBeLessThanOrEqual(PIECES_MAX);
      const answer = answerOf(question, version, from);
      const message = alter(question.peer, answer);
      if (message === null) continue;
      this.answerers.add(question.peer);
      for (const { id, bytes } of message.pieces) {
        this.bytes += bytes.length;
        this.seen.push(keyOf(id));
      }
      this.transfer.receive(question.peer, message);
      const whole = this.transfer.take();
      if (whole !== null) return whole;
    }
    throw new Error("the transfer does not end");
  }
}

function answerOf(
  { slot, pieces }: { readonly slot: number; readonly pieces: readonly PieceId[] },
  version: StateVersion,
  from: StateVersions,
): StateMessage {
  // Not all that was asked for: what is left out is asked for again.
  const some = pieces.slice(0, Math.max(1, pieces.length - 1));
  const found = some.map((id) => ({ id, bytes: pieceOf(version, id, from.digests) ?? EMPTY }));
  return { kind: "state", slot, pieces: found };
}

describe("P11 state transfer", () => {
  test("P11 a state comes out as it went in, whatever the sizes of parts", () => {
    fc.assert(
      fc.property(fc.array(part, { maxLength: 40 }), fc.array(part, { maxLength: 40 }), (a, b) => {
        const source = new Machine();
        for (const [i, lengths] of a.entries()) source.set(i, ...lengths.map((l) => bytes(l, i)));
        const fetch = new Fetch();
        for (const [i, ls] of b.entries()) fetch.machine.set(i, ...ls.map((l) => bytes(l, i)));
        versionOf(fetch.versions);
        const from = new StateVersions(source);
        const version = versionOf(from);
        fetch.transfer.start({ slot: SLOT, digest: version.digest });
        const got = fetch.run(new Map([[SLOT, version]]), from);
        expect(got?.digest).toEqual(version.digest);
        expect(fetch.versions.restore(version.head, got as StateVersion)).toBe(true);
        expect(fetch.machine.parts).toEqual(source.parts);
        // And goes on as any other does.
        source.set(3, bytes(9));
        fetch.machine.set(3, bytes(9));
        expect(versionOf(fetch.versions).digest).toEqual(versionOf(from).digest);
      }),
      { numRuns: 60 },
    );
  });

  /** Two replicas with the same large state, of which one goes on. */
  function lagging() {
    const source = new Machine();
    const fetch = new Fetch();
    for (const machine of [source, fetch.machine]) {
      for (let i = 0; i < 3000; i++) machine.set(i, bytes(1000, i));
    }
    const from = new StateVersions(source);
    expect(versionOf(fetch.versions).digest).toEqual(versionOf(from).digest);
    for (let i = 0; i < 30; i++) source.set(97 * i, bytes(1000, 200));
    return { source, fetch, from };
  }

  test("P11 only what differs is fetched, from several at once, and only that is restored", () => {
    const { source, fetch, from } = lagging();
    // What this replica changed since its last version differs as well.
    fetch.machine.set(5, bytes(4));
    const version = versionOf(from);
    fetch.transfer.start({ slot: SLOT, digest: version.digest });
    const got = fetch.run(new Map([[SLOT, version]]), from);
    expect(fetch.bytes).toBeLessThan(30 * 1010 + 60 * 512);
    expect(fetch.transfer.fetchedBytes).toBe(fetch.bytes);
    expect([...fetch.answerers].sort()).toEqual([0, 1, 2]);
    fetch.versions.restore(version.head, got as StateVersion);
    expect(fetch.machine.restored).toBe(31);
    expect(fetch.machine.parts).toEqual(source.parts);
  });

  test("P11 whoever sends a wrong piece is left at once, and what it sent is not taken", () => {
    const { source, fetch, from } = lagging();
    const version = versionOf(from);
    let lies = 0;
    fetch.transfer.start({ slot: SLOT, digest: version.digest });
    const got = fetch.run(new Map([[SLOT, version]]), from, (peer, message) => {
      if (peer !== 1) return message;
      lies++;
      const pieces = message.pieces.map(({ id, bytes }) => ({
        id,
        bytes: bytes.map((b) => b ^ 1),
      }));
      return { ...message, pieces };
    });
    fetch.versions.restore(version.head, got as StateVersion);
    expect(fetch.machine.parts).toEqual(source.parts);
    // Questions that were under way are all that it may answer.
    expect(lies).toBeLessThanOrEqual(6);
    expect(lies).toBeGreaterThan(0);
  });

  test("P11 any altered byte of any piece is refused", () => {
    const source = new Machine().set(0, bytes(50), bytes(CHUNK_LENGTH + 100)).set(20, bytes(10));
    const from = new StateVersions(source);
    const version = versionOf(from);
    fc.assert(
      fc.property(fc.nat(60), fc.nat(), fc.integer({ min: 1, max: 255 }), (which, at, flip) => {
        const fetch = new Fetch();
        let count = 0;
        fetch.transfer.start({ slot: SLOT, digest: version.digest });
        const got = fetch.run(new Map([[SLOT, version]]), from, (_peer, message) => {
          const [first] = message.pieces;
          if (first === undefined || count++ !== which || first.bytes.length === 0) return message;
          const wrong = first.bytes.slice();
          wrong[at % wrong.length] = (wrong[at % wrong.length] ?? 0) ^ flip;
          const altered = { ...message, pieces: [{ id: first.id, bytes: wrong }] };
          expect(fetch.transfer.receive(7, altered)).toBe(false);
          return altered;
        });
        expect(got?.trees[0]?.part(0)).toEqual(version.trees[0]?.part(0) as Part);
        expect(got?.digest).toEqual(version.digest);
      }),
      { numRuns: 60 },
    );
  });

  test("P11 a later checkpoint is followed: what came is not fetched again", () => {
    const { source, fetch, from } = lagging();
    for (let i = 0; i < 1000; i++) source.set(3 * i, bytes(1000, 201));
    const first = versionOf(from, 8);
    fetch.transfer.start({ slot: 8, digest: first.digest });
    let answers = 0;
    // Half-way nobody keeps that state any more.
    expect(
      fetch.run(new Map([[8, first]]), from, (_, m) => (answers++ < 60 ? m : null)),
    ).toBeNull();
    const before = fetch.seen.filter((key) => key.startsWith("1.0."));
    expect(before.length).toBeGreaterThan(300);
    for (let i = 0; i < 10; i++) source.set(3 * i, bytes(1000, 202));
    const second = versionOf(from, 12);
    const asked = [0, 1, 2].map((peer) => fetch.transfer.unavailable(peer));
    expect(asked).toEqual([false, false, true]);
    fetch.sent.length = 0;
    fetch.transfer.start({ slot: 12, digest: second.digest });
    const got = fetch.run(new Map([[12, second]]), from);
    expect(got?.digest).toEqual(second.digest);
    const parts = fetch.seen.filter((key) => key.startsWith("1.0."));
    // 1,020 or so differ, and ten of them twice.
    expect(parts.length - new Set(parts).size).toBeLessThanOrEqual(10);
  });

  test("P11 what does not come is asked for again, of others", () => {
    const { source, fetch, from } = lagging();
    const version = versionOf(from);
    fetch.transfer.start({ slot: SLOT, digest: version.digest });
    // Replica 2 is down: it holds up what it was asked for, and nothing else.
    const served = new Map([[SLOT, version]]);
    const silent = (peer: Address, message: StateMessage) => (peer === 2 ? null : message);
    let got = fetch.run(served, from, silent);
    expect(got).toBeNull();
    // While anything comes a question has a whole time between two retries.
    fetch.transfer.retry();
    expect(fetch.sent).toEqual([]);
    // Once it has been silent it is asked for nothing else, at whatever level of the tree.
    fetch.transfer.retry();
    expect(fetch.sent.some(({ peer }) => peer === 2)).toBe(false);
    got = fetch.run(served, from, silent);
    fetch.versions.restore(version.head, got as StateVersion);
    expect(fetch.machine.parts).toEqual(source.parts);
  });

  test("P11 a lost question is asked again as soon as answers overtake it, without a timer", () => {
    const { source, fetch, from } = lagging();
    for (let i = 0; i < 3000; i++) source.set(i, bytes(1000, 203));
    const version = versionOf(from);
    fetch.transfer.start({ slot: SLOT, digest: version.digest });
    let answers = 0;
    let lost = 0;
    const some = (_: Address, message: StateMessage) => {
      // Not the last ones, which nothing overtakes.
      if (++answers % 9 !== 0 || answers > 200) return message;
      lost++;
      return null;
    };
    const got = fetch.run(new Map([[SLOT, version]]), from, some);
    expect(lost).toBeGreaterThan(15);
    expect(got?.digest).toEqual(version.digest);
  });
});
