// A table of SQLite, in memory, which answers reads and scans. Rows are in the parts of snapshots
// as well, because SQLite's pages depend on the history of a table, and its rows do not.

import { Database } from "bun:sqlite";
import type { Bytes } from "../actor.ts";
import type { Row } from "./record-operation.ts";
import { Store } from "./store.ts";

/**
 * Nothing of a database in memory outlives its process, so there is no journal; a page has room for
 * some rows of a kilobyte.
 */
const SET_UP = [
  "PRAGMA page_size = 16384",
  "PRAGMA journal_mode = OFF",
  "PRAGMA synchronous = OFF",
  "PRAGMA temp_store = MEMORY",
  "CREATE TABLE rows (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID",
];

export class SqliteApp extends Store {
  readonly #database = new Database(":memory:");
  readonly #read;
  readonly #write;
  readonly #delete;
  readonly #scan;

  constructor(stateMax?: number) {
    super(stateMax);
    const database = this.#database;
    for (const statement of SET_UP) database.run(statement);
    this.#read = database.query<{ value: Bytes }, [Bytes]>("SELECT value FROM rows WHERE key = ?1");
    this.#write = database.query<null, [Bytes, Bytes]>(
      "INSERT INTO rows VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2",
    );
    this.#delete = database.query<null, [Bytes]>("DELETE FROM rows WHERE key = ?1");
    this.#scan = database.query<Row, [Bytes, number]>(
      "SELECT key, value FROM rows WHERE key >= ?1 ORDER BY key LIMIT ?2",
    );
  }

  protected override read(key: Bytes): Bytes | null {
    return this.#read.get(key)?.value ?? null;
  }

  protected override write(key: Bytes, value: Bytes | null): void {
    if (value === null) this.#delete.run(key);
    else this.#write.run(key, value);
  }

  protected override scan(from: Bytes, count: number): Iterable<Row> {
    return this.#scan.iterate(from, count);
  }
}
