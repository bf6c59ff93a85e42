// A key-value store whose keys are in a B-tree as well, so that rows can be scanned in the order of
// their keys' bytes.

import type BTree from "sorted-btree";
import { EmptyBTree } from "sorted-btree";
import type { Bytes } from "../actor.ts";
import { latin1 } from "../wire.ts";
import type { Row } from "./record-operation.ts";
import { Store } from "./store.ts";

/**
 * The class by an instance of it, because a bundle has another default import of that package than
 * what runs from its sources.
 */
const Tree = EmptyBTree.constructor as typeof BTree;

/** Strings of a character a byte: in the order of the bytes. */
function compareKeys(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

export class BtreeApp extends Store {
  readonly #keys = new Tree<string, true>(undefined, compareKeys);

  protected override read(key: Bytes): Bytes | null {
    return this.rows.get(key);
  }

  protected override write(key: Bytes, value: Bytes | null): void {
    if (value === null) this.#keys.delete(latin1(key));
    else this.#keys.set(latin1(key), true);
  }

  protected override *scan(from: Bytes, count: number): Generator<Row> {
    let left = count;
    if (left === 0) return;
    for (const name of this.#keys.keys(latin1(from))) {
      const key = bytesOfName(name);
      const value = this.rows.get(key);
      if (value !== null) yield { key, value };
      if (--left === 0) return;
    }
  }
}

function bytesOfName(name: string): Bytes {
  return new Uint8Array(Buffer.from(name, "latin1"));
}
