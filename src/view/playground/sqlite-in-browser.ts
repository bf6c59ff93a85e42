// A browser has no SQLite. Another ordered store takes its place, because stores that keep the same
// rows answer the same, and make the same snapshots.

import { BtreeApp } from "../../app/btree.ts";

export class SqliteApp extends BtreeApp {}
