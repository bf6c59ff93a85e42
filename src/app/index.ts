// The applications by the name that `-a` takes.

import type { App } from "../actor.ts";
import { addNamed } from "../base/named.ts";
import { BtreeApp } from "./btree.ts";
import { KvApp } from "./kv.ts";
import { NullApp } from "./null.ts";
import { SqliteApp } from "./sqlite.ts";

/** What the command line says of applications. */
export interface AppOptions {
  /** Bytes of a result of those that do not decide it themselves (sizesReplies). */
  readonly replySize?: number;
}

/** Whether results of the application are as large as it is told. */
export function sizesReplies(app: string): boolean {
  return app === "null";
}

const STORES = ["kv", "btree", "sqlite"];

/** Whether it keeps rows, which operations on keys and records are asked of. */
export function isStore(app: string): boolean {
  return STORES.includes(app);
}

/** Whether rows have an order, in which they can be scanned. */
export function isOrdered(app: string): boolean {
  return app === "btree" || app === "sqlite";
}

const registry = new Map<string, (options?: AppOptions) => App>([
  ["null", ({ replySize = 0 }: AppOptions = {}): App => new NullApp(replySize)],
  ["kv", (): App => new KvApp()],
  ["btree", (): App => new BtreeApp()],
  ["sqlite", (): App => new SqliteApp()],
]);

export const apps: ReadonlyMap<string, (options?: AppOptions) => App> = registry;

/** Has `-a` know another application. Throws RangeError for a name that is taken or is none. */
export function addApp(name: string, make: () => App): void {
  addNamed(registry, name, make);
}
