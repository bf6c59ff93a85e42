// A key-value store on a hash table, which knows no order of its keys.

import type { Bytes } from "../actor.ts";
import { Store } from "./store.ts";

export class KvApp extends Store {
  protected override read(key: Bytes): Bytes | null {
    return this.rows.get(key);
  }

  protected override scan(): null {
    return null;
  }
}
