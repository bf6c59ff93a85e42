// The applications by the name that `-a` takes.

import type { App } from "../actor.ts";
import { KvApp } from "./kv.ts";
import { NullApp } from "./null.ts";

/** What the command line says of applications. */
export interface AppOptions {
  /** Bytes of a result of those that do not decide it themselves (sizesReplies). */
  readonly replySize?: number;
}

/** Whether results of the application are as large as it is told. */
export function sizesReplies(app: string): boolean {
  return app === "null";
}

export const apps: ReadonlyMap<string, (options?: AppOptions) => App> = new Map([
  ["null", ({ replySize = 0 }: AppOptions = {}): App => new NullApp(replySize)],
  ["kv", (): App => new KvApp()],
]);
