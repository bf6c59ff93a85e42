// The applications by the name that `-a` takes.

import type { App } from "../actor.ts";
import { KvApp } from "./kv.ts";
import { NullApp } from "./null.ts";

export const apps: ReadonlyMap<string, () => App> = new Map<string, () => App>([
  ["null", () => new NullApp()],
  ["kv", () => new KvApp()],
]);
