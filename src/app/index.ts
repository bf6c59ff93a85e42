// The applications by the name that `-a` takes.

import type { App } from "../actor.ts";
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

/** Whether it keeps rows, which operations on keys and records are asked of. */
export function isStore(app: string): boolean {
  return app !== "null";
}

/** Whether rows have an order, in which they can be scanned. */
export function isOrdered(app: string): boolean {
  return app === "btree" || app === "sqlite";
}

export const apps: ReadonlyMap<string, (options?: AppOptions) => App> = new Map([
  ["null", ({ replySize = 0 }: AppOptions = {}): App => new NullApp(replySize)],
  ["kv", (): App => new KvApp()],
  ["btree", (): App => new BtreeApp()],
  ["sqlite", (): App => new SqliteApp()],
]);
