// Shows that records are put into an application as if clients had asked, and how often the garbage
// of that is collected.

import { expect, test } from "bun:test";
import type { App } from "../../src/actor.ts";
import { NullApp } from "../../src/app/null.ts";
import { LOADED_MAX, loadInto } from "../../src/process/chosen-workload.ts";
import { EMPTY } from "../../src/wire.ts";

/** An application that notes what it is asked for. */
function noting(): { readonly app: App; readonly did: readonly string[] } {
  const did: string[] = [];
  const none = new NullApp();
  const app: App = {
    expect: (op, count) => did.push(`expect ${count} like ${op.length}`),
    execute: (op) => {
      did.push(`execute ${op.length}`);
      return EMPTY;
    },
    commit: (count) => did.push(`commit ${count}`),
    snapshot: () => none.snapshot(),
    restore: () => {},
    rollback: () => {},
  };
  return { app, did };
}

test("an application is told how many records come, and gets and commits each", () => {
  const { app, did } = noting();
  loadInto(app, { count: 2, operation: (index) => new Uint8Array(index + 1) });
  expect(did).toEqual(["expect 2 like 1", "execute 1", "commit 1", "execute 2", "commit 1"]);
});

test("garbage of operations is collected once they have more bytes than there may be", () => {
  const op = new Uint8Array(LOADED_MAX / 4);
  const { app, did } = noting();
  const loaded: number[] = [];
  const collect = () => loaded.push(did.filter((what) => what.startsWith("execute")).length);
  loadInto(app, { count: 12, operation: () => op }, collect);
  expect(loaded).toEqual([5, 10]);
});
