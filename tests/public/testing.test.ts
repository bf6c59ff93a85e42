// The rules of applications hold for ours, and convict those that break one each.

import { describe, expect, test } from "bun:test";
import type { App, Bytes, Snapshot, State } from "../../src/actor.ts";
import { apps } from "../../src/app/index.ts";
import { KvApp } from "../../src/app/kv.ts";
import { encodeKvOperation } from "../../src/app/operation.ts";
import { appProblems, type Random } from "../../src/public/testing.ts";
import { drawOperation } from "../../src/simulation/workload.ts";
import { EMPTY } from "../../src/wire.ts";

/** Of few keys, some with values that make parts split. */
function operation(random: Random): Bytes {
  if (random.int(20) === 0) return new Uint8Array(random.int(6));
  const options = { client: 1, number: random.int(100), keys: 6, valueMax: 3000, seen: null };
  return drawOperation(random, options);
}

test.each([...apps])("%s keeps the rules", (_name, make) => {
  expect(appProblems({ make: () => make(), operation })).toEqual([]);
});

/** A store with something wrong. */
class Wrong implements App {
  protected readonly app = new KvApp();
  execute(op: Bytes): Bytes {
    return this.app.execute(op);
  }
  snapshot(): Snapshot {
    return this.app.snapshot();
  }
  restore(state: State, changed: Iterable<number>): void {
    this.app.restore(state, changed);
  }
  rollback(count: number): void {
    this.app.rollback(count);
  }
  commit(count: number): void {
    this.app.commit(count);
  }
}

let calls = 0;

class Moody extends Wrong {
  override execute(op: Bytes): Bytes {
    const result = super.execute(op);
    return ++calls % 50 === 0 ? Uint8Array.of(...result, 1) : result;
  }
}

class KeepsWrites extends Wrong {
  override rollback(count: number): void {
    this.app.commit(count);
  }
}

class TellsLess extends Wrong {
  override snapshot(): Snapshot {
    const snapshot = super.snapshot();
    const { count } = snapshot;
    return { count, changed: new Set([0]), part: (index) => snapshot.part(index) };
  }
}

/** Does not freeze what it tells of. */
class Live extends Wrong {
  override snapshot(): Snapshot {
    const { count, changed } = super.snapshot();
    return { count, changed, part: (index) => this.app.snapshot().part(index) };
  }
}

class RestoresAlittle extends Wrong {
  override restore(state: State, changed: Iterable<number>): void {
    super.restore(state, [...changed].slice(1));
  }
}

class Throws extends Wrong {
  override execute(op: Bytes): Bytes {
    if (op.length < 3) throw new RangeError("too short");
    return super.execute(op);
  }
}

describe("an application is convicted that", () => {
  test.each([
    ["gives other results at other times", Moody, "execute: "],
    ["keeps what is rolled back", KeepsWrites, "rollback: "],
    ["tells of fewer changes", TellsLess, "snapshot: "],
    ["changes what it has told of", Live, "snapshot: "],
    ["restores a part too few", RestoresAlittle, "restore: "],
    ["throws", Throws, "throw: too short"],
  ] as const)("%s", (_what, Kind, expected) => {
    const problems = appProblems({ make: () => new Kind(), operation });
    expect(
      problems.some((problem) => problem.replace(/^seed \d+: /, "").startsWith(expected)),
    ).toBe(true);
  });

  test("is told by its seed, the first thing of each run", () => {
    const put = encodeKvOperation({ kind: "put", key: EMPTY, value: EMPTY });
    const [first] = appProblems({ make: () => new Throws(), operation: () => put.slice(0, 2) });
    expect(first).toBe("seed 0: throw: too short");
  });
});
