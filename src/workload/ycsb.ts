// YCSB's core workload: reads, updates, inserts, scans, and reads with an update behind them, of
// records that were loaded before (Cooper et al., "Benchmarking Cloud Serving Systems with YCSB",
// SoCC '10; its class CoreWorkload).

import {
  decodeRecord,
  decodeRecordResult,
  encodeRecordOperation,
  type Field,
  type RecordResult,
} from "../app/record-operation.ts";
import { Random } from "../base/seeded-random.ts";
import { latin1, type Bytes } from "../wire.ts";
import type { Asker, Loading, Share, Tally, Workload, WorkloadOptions } from "./asker.ts";
import {
  exponential,
  hotspot,
  latest,
  scrambledZipfian,
  sequential,
  uniform,
  Zipfian,
  type Generator,
  type Uniform,
} from "./generators.ts";
import type { YcsbProperties } from "./ycsb-properties.ts";
import {
  bytesOfKey,
  expectedValue,
  keyName,
  loadedRecord,
  RecordMaker,
  uniformOf,
} from "./ycsb-records.ts";

/** As the original prints them. */
type Kind = "READ" | "UPDATE" | "INSERT" | "SCAN" | "READ-MODIFY-WRITE";

export class YcsbWorkload implements Workload {
  readonly loading: Loading;
  readonly properties: YcsbProperties;
  readonly uniform: Uniform;
  readonly maker: RecordMaker;
  readonly inserted: InsertedKeys;
  readonly #kinds: readonly (readonly [kind: Kind, share: number])[];
  readonly #keys: Generator;
  readonly #scanLength: Generator;

  constructor(properties: YcsbProperties, { random, share }: WorkloadOptions) {
    const dice = new Random(random(2 ** 48), "ycsb");
    this.properties = properties;
    this.loading = loadingOf(properties);
    this.uniform = uniformOf(dice);
    this.maker = new RecordMaker(properties, dice);
    this.inserted = new InsertedKeys(properties.recordcount, share);
    this.#kinds = kindsOf(properties);
    this.#keys = keysOf(properties, this.inserted, this.uniform);
    this.#scanLength = scanLengthsOf(properties, this.uniform);
  }

  asker(tally: Tally): Asker {
    return new YcsbAsker(this, tally);
  }

  /** By their shares of all operations. */
  chooseKind(): Kind {
    let left = this.uniform() * this.#kinds.reduce((sum, [, share]) => sum + share, 0);
    for (const [kind, share] of this.#kinds) {
      left -= share;
      if (left < 0) return kind;
    }
    return this.#kinds.at(-1)?.[0] ?? "READ";
  }

  /** The number of a record that was loaded, or whose insert was answered. */
  chooseKey(): number {
    const { last } = this.inserted;
    for (;;) {
      const drawn = this.#keys.next();
      if (this.properties.requestdistribution !== "exponential") {
        if (drawn <= last) return drawn;
      } else if (drawn <= last) {
        return last - drawn;
      }
    }
  }

  chooseScanLength(): number {
    return this.#scanLength.next();
  }

  nameOf(number: number): string {
    return keyName(this.inserted.numberOf(number), this.properties);
  }

  /** A field to read; null: all. */
  chooseRead(): number | null {
    return this.properties.readallfields ? null : this.maker.chooseField();
  }
}

/** The records that were loaded, and those that the clients of this process inserted. */
export class InsertedKeys {
  readonly #recordcount: number;
  readonly #share: Share;
  #next: number;
  /** Answered, though one before them is not. */
  readonly #early = new Set<number>();
  /** All up to this number were answered. */
  last: number;

  constructor(recordcount: number, share: Share) {
    this.#recordcount = recordcount;
    this.#share = share;
    this.#next = recordcount;
    this.last = recordcount - 1;
  }

  take(): number {
    return this.#next++;
  }

  acknowledge(number: number): void {
    this.#early.add(number);
    while (this.#early.delete(this.last + 1)) this.last++;
  }

  /** Where other processes insert as well, each has every so manieth number. */
  numberOf(number: number): number {
    const { index, count } = this.#share;
    const behind = number - this.#recordcount;
    return behind < 0 ? number : this.#recordcount + behind * count + index;
  }
}

class YcsbAsker implements Asker {
  readonly #workload: YcsbWorkload;
  readonly #tally: Tally;
  #kind: Kind = "READ";
  #key = "";
  #number = 0;
  /** The fields that the read asked for; null: all. */
  #field: number | null = null;
  /** When the read of a READ-MODIFY-WRITE was asked; null: it has not been answered. */
  #readMs: number | null = null;

  constructor(workload: YcsbWorkload, tally: Tally) {
    this.#workload = workload;
    this.#tally = tally;
  }

  next(): Bytes {
    const workload = this.#workload;
    const { maker } = workload;
    this.#kind = workload.chooseKind();
    this.#readMs = null;
    this.#number = this.#kind === "INSERT" ? workload.inserted.take() : workload.chooseKey();
    this.#key = workload.nameOf(this.#number);
    const key = bytesOfKey(this.#key);
    switch (this.#kind) {
      case "READ":
      case "READ-MODIFY-WRITE":
        this.#field = workload.chooseRead();
        return encodeRecordOperation({ kind: "read", key, field: this.#field });
      case "UPDATE":
        return updateOf(key, maker.changes(this.#key));
      case "INSERT":
        return encodeRecordOperation({ kind: "insert", key, record: maker.record(this.#key) });
      case "SCAN": {
        const count = workload.chooseScanLength();
        this.#field = workload.chooseRead();
        return encodeRecordOperation({ kind: "scan", key, count, field: this.#field });
      }
    }
  }

  answered(bytes: Bytes, startedMs: number, nowMs: number): Bytes | null {
    const result = decodeRecordResult(bytes);
    const status = statusOf(result);
    const tally = this.#tally;
    if (this.#kind !== "READ-MODIFY-WRITE") {
      tally.record(this.#kind, status, startedMs, nowMs);
      if (this.#kind === "INSERT") this.#workload.inserted.acknowledge(this.#number);
      if (this.#kind === "READ" || this.#kind === "SCAN") this.#verify(result);
      return null;
    }
    if (this.#readMs === null) {
      tally.record("READ", status, startedMs, nowMs);
      this.#verify(result);
      this.#readMs = startedMs;
      if (status === "OK") {
        return updateOf(bytesOfKey(this.#key), this.#workload.maker.changes(this.#key));
      }
    } else {
      tally.record("UPDATE", status, startedMs, nowMs);
    }
    tally.record("READ-MODIFY-WRITE", status, this.#readMs, nowMs);
    return null;
  }

  /** Whether what was read is what is always written. */
  #verify(result: RecordResult | null): void {
    const { properties } = this.#workload;
    if (!properties.dataintegrity) return;
    const rows =
      result?.kind === "record"
        ? [{ key: this.#key, value: result.record }]
        : result?.kind === "rows"
          ? result.rows.map(({ key, value }) => ({ key: latin1(key), value }))
          : [];
    if (rows.length === 0) this.#tally.verified("ERROR");
    for (const { key, value } of rows) {
      const fields = decodeRecord(value) ?? [];
      const right =
        fields.length > 0 &&
        fields.every(
          (field, i) => latin1(field) === expectedValue(key, this.#field ?? i, properties),
        );
      this.#tally.verified(right ? "OK" : "UNEXPECTED_STATE");
    }
  }
}

function updateOf(key: Bytes, fields: readonly Field[]): Bytes {
  return encodeRecordOperation({ kind: "update", key, fields });
}

/** As the original names it. */
function statusOf(result: RecordResult | null): string {
  switch (result?.kind) {
    case undefined:
      return "UNEXPECTED_STATE";
    case "done":
    case "record":
    case "rows":
      return "OK";
    case "not found":
      return "NOT_FOUND";
    case "exists":
      return "BAD_REQUEST";
    case "error":
      return "ERROR";
  }
}

export function loadingOf(properties: YcsbProperties): Loading {
  const { insertstart, insertcount } = properties;
  return {
    count: insertcount,
    operation: (index) => {
      const { key, record } = loadedRecord(insertstart + index, properties);
      return encodeRecordOperation({ kind: "insert", key, record });
    },
  };
}

function kindsOf(of: YcsbProperties): readonly (readonly [Kind, number])[] {
  return [
    ["READ", of.readproportion],
    ["UPDATE", of.updateproportion],
    ["INSERT", of.insertproportion],
    ["SCAN", of.scanproportion],
    ["READ-MODIFY-WRITE", of.readmodifywriteproportion],
  ];
}

/** Which records are asked for; of an exponential distribution how far they are from the last. */
function keysOf(of: YcsbProperties, inserted: InsertedKeys, random: Uniform): Generator {
  const [low, high] = [of.insertstart, of.insertstart + of.insertcount - 1];
  switch (of.requestdistribution) {
    case "uniform":
      return uniform(low, high, random);
    case "sequential":
      return sequential(low, high);
    case "zipfian": {
      // Room for records to come, so that these do not change which ones are popular.
      const expected = Math.floor(of.operationcount * of.insertproportion * 2);
      return scrambledZipfian(low, high + 1 + expected, random);
    }
    case "latest":
      return latest(() => inserted.last, random);
    case "hotspot": {
      const shares = { hotData: of.hotspotdatafraction, hotAsks: of.hotspotopnfraction };
      return hotspot(low, high, shares, random);
    }
    case "exponential":
      return exponential(
        of["exponential.percentile"],
        of.recordcount * of["exponential.frac"],
        random,
      );
  }
}

function scanLengthsOf(of: YcsbProperties, random: Uniform): Generator {
  const { minscanlength: low, maxscanlength: high } = of;
  if (of.scanlengthdistribution === "uniform") return uniform(low, high, random);
  return new Zipfian(low, high - low + 1, random);
}
