// Keys and records of YCSB: what is loaded before a run, and what a run writes.

import { encodeRecord, type Field } from "../app/record-operation.ts";
import { Random } from "../base/seeded-random.ts";
import type { Bytes } from "../wire.ts";
import { bigintOf, fnvHash64 } from "./fnv.ts";
import { histogram, uniform, Zipfian, type Generator, type Uniform } from "./generators.ts";
import { histogramOfLine } from "./length-histogram.ts";
import type { YcsbProperties } from "./ycsb-properties.ts";

const TWO_32 = 0x1_0000_0000;
const TWO_53 = 2 ** 53;

/** Uniform numbers in [0, 1) of these dice. */
export function uniformOf(random: Random): Uniform {
  return () => ((random.u32() & 0x1f_ffff) * TWO_32 + random.u32()) / TWO_53;
}

/** The key of a record by its number. */
export function keyName(number: number, { insertorder, zeropadding }: YcsbProperties): string {
  const shown = insertorder === "hashed" ? bigintOf(fnvHash64(number)) : number;
  return `user${String(shown).padStart(zeropadding, "0")}`;
}

export function bytesOfKey(key: string): Bytes {
  return new Uint8Array(Buffer.from(key, "latin1"));
}

/** What the original's strings have as `hashCode`. */
function javaHash(text: string): number {
  let hash = 0;
  for (let i = 0; i < text.length; i++) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0;
  return hash;
}

/** What a field of a key always has where data integrity is checked. */
export function expectedValue(key: string, field: number, properties: YcsbProperties): string {
  const { fieldlength, fieldnameprefix } = properties;
  let value = `${key}:${fieldnameprefix}${field}`;
  while (value.length < fieldlength) value += `:${javaHash(value)}`;
  return value.slice(0, fieldlength);
}

/** Printable characters, four at a time. */
function randomText(length: number, random: Random): Bytes {
  const value = new Uint8Array(length);
  for (let i = 0; i < length; i += 4) {
    const word = random.u32();
    // What is beyond the end is not written.
    value[i] = 32 + (word & 63);
    value[i + 1] = 32 + ((word >>> 8) & 63);
    value[i + 2] = 32 + ((word >>> 16) & 63);
    value[i + 3] = 32 + ((word >>> 24) & 63);
  }
  return value;
}

/** Makes values of fields and whole records. */
export class RecordMaker {
  readonly #properties: YcsbProperties;
  readonly #random: Random;
  readonly #length: Generator;
  readonly #field: Generator;

  constructor(properties: YcsbProperties, random: Random, lengths = lengthsOf(properties, random)) {
    this.#properties = properties;
    this.#random = random;
    this.#length = lengths;
    this.#field = uniform(0, properties.fieldcount - 1, uniformOf(random));
  }

  /** The number of a field, of any with the same chance. */
  chooseField(): number {
    return this.#field.next();
  }

  record(key: string): Bytes {
    const fields: Bytes[] = [];
    for (let field = 0; field < this.#properties.fieldcount; field++) {
      fields.push(this.#value(key, field));
    }
    return encodeRecord(fields);
  }

  /** What an update writes: one field, or all of them. */
  changes(key: string): readonly Field[] {
    const { writeallfields, fieldcount } = this.#properties;
    const indexes = writeallfields
      ? Array.from({ length: fieldcount }, (_, index) => index)
      : [this.chooseField()];
    return indexes.map((index) => ({ index, value: this.#value(key, index) }));
  }

  #value(key: string, field: number): Bytes {
    const properties = this.#properties;
    if (properties.dataintegrity) return bytesOfKey(expectedValue(key, field, properties));
    return randomText(this.#length.next(), this.#random);
  }
}

function lengthsOf(properties: YcsbProperties, random: Random): Generator {
  const { fieldlength, minfieldlength, fieldlengthdistribution } = properties;
  const { fieldlengthhistogram } = properties;
  switch (fieldlengthdistribution) {
    case "constant":
      return { next: () => fieldlength };
    case "uniform":
      return uniform(minfieldlength, fieldlength, uniformOf(random));
    case "zipfian":
      return new Zipfian(minfieldlength, fieldlength - minfieldlength + 1, uniformOf(random));
    case "histogram":
      return histogram(histogramOfLine(fieldlengthhistogram), uniformOf(random));
  }
}

/** The records that are loaded before a run: the same wherever and in whatever order. */
export function loadedRecord(
  number: number,
  properties: YcsbProperties,
): { readonly key: Bytes; readonly record: Bytes } {
  const key = keyName(number, properties);
  const maker = new RecordMaker(properties, new Random(number, "ycsb"));
  return { key: bytesOfKey(key), record: maker.record(key) };
}
