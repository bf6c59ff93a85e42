// Properties of YCSB's core workload, by the names that the original gives them; what it does not
// know, or could not do, is refused.

import { parse } from "dot-properties";
import { UsageError } from "../base/errors.ts";
import { FIELDS_MAX, SCAN_MAX } from "../app/record-operation.ts";
import { VALUE_MAX } from "../app/operation.ts";
import { readText } from "../base/text-file.ts";
import { histogramOfLine, lineOfHistogram, longestOf, parseHistogram } from "./length-histogram.ts";

/** Values by their names, as texts. */
export type PropertyTexts = ReadonlyMap<string, string>;

export interface YcsbProperties {
  readonly recordcount: number;
  /** Operations of a run; here a run takes a time, and this says how many inserts to expect. */
  readonly operationcount: number;
  readonly insertstart: number;
  readonly insertcount: number;
  readonly fieldcount: number;
  readonly fieldlength: number;
  readonly minfieldlength: number;
  readonly fieldlengthdistribution: "constant" | "uniform" | "zipfian" | "histogram";
  /** The content of the file that was named (`lineOfHistogram`); none: "". */
  readonly fieldlengthhistogram: string;
  readonly fieldnameprefix: string;
  readonly readallfields: boolean;
  readonly writeallfields: boolean;
  readonly readproportion: number;
  readonly updateproportion: number;
  readonly insertproportion: number;
  readonly scanproportion: number;
  readonly readmodifywriteproportion: number;
  readonly requestdistribution:
    ("uniform" | "zipfian" | "latest") | ("hotspot" | "exponential" | "sequential");
  readonly minscanlength: number;
  readonly maxscanlength: number;
  readonly scanlengthdistribution: "uniform" | "zipfian";
  readonly insertorder: "hashed" | "ordered";
  readonly zeropadding: number;
  readonly dataintegrity: boolean;
  readonly hotspotdatafraction: number;
  readonly hotspotopnfraction: number;
  readonly "exponential.percentile": number;
  readonly "exponential.frac": number;
}

type Value = number | boolean | string;

/** What a property may be; `read` gives undefined for anything else. */
interface Kind {
  readonly expected: string;
  read(text: string): Value | undefined;
}

const RECORDS_MAX = 2 ** 31 - 1;
const DIGITS_MAX = 64;

/** By name, with what it is unless told; a number of records below is filled in. */
const PROPERTIES: ReadonlyMap<keyof YcsbProperties, readonly [Kind, Value]> = new Map([
  property("recordcount", whole(1, RECORDS_MAX), 1000),
  property("operationcount", whole(0, RECORDS_MAX), 1000),
  property("insertstart", whole(0, RECORDS_MAX), 0),
  property("insertcount", whole(1, RECORDS_MAX), 0),
  property("fieldcount", whole(1, FIELDS_MAX), 10),
  property("fieldlength", whole(1, VALUE_MAX), 100),
  property("minfieldlength", whole(1, VALUE_MAX), 1),
  property(
    "fieldlengthdistribution",
    choice("constant", "uniform", "zipfian", "histogram"),
    "constant",
  ),
  property("fieldlengthhistogram", histogramFile(), ""),
  property("fieldnameprefix", text(), "field"),
  property("readallfields", flag(), true),
  property("writeallfields", flag(), false),
  property("readproportion", share(), 0.95),
  property("updateproportion", share(), 0.05),
  property("insertproportion", share(), 0),
  property("scanproportion", share(), 0),
  property("readmodifywriteproportion", share(), 0),
  property(
    "requestdistribution",
    choice("uniform", "zipfian", "latest", "hotspot", "exponential", "sequential"),
    "uniform",
  ),
  property("minscanlength", whole(1, SCAN_MAX), 1),
  property("maxscanlength", whole(1, SCAN_MAX), 1000),
  property("scanlengthdistribution", choice("uniform", "zipfian"), "uniform"),
  property("insertorder", choice("hashed", "ordered"), "hashed"),
  property("zeropadding", whole(1, DIGITS_MAX), 1),
  property("dataintegrity", flag(), false),
  property("hotspotdatafraction", share(), 0.2),
  property("hotspotopnfraction", share(), 0.8),
  property("exponential.percentile", decimal(0.001, 99.999), 95),
  property("exponential.frac", decimal(1e-6, 1), 0.8571428571),
]);

/** Names of the class that these properties are of. */
const CORE_WORKLOADS = [
  "site.ycsb.workloads.CoreWorkload",
  "com.yahoo.ycsb.workloads.CoreWorkload",
];
/** What files of YCSB say besides, which changes nothing here. */
const WITHOUT_EFFECT = new Set([
  ...["table", "measurementtype", "histogram.buckets", "timeseries.granularity", "threadcount"],
  ...["core_workload_insertion_retry_limit", "core_workload_insertion_retry_interval"],
]);

/** The workloads that come with YCSB. */
export const STANDARD: ReadonlyMap<string, PropertyTexts> = new Map([
  standard("A", { readproportion: 0.5, updateproportion: 0.5, requestdistribution: "zipfian" }),
  standard("B", { readproportion: 0.95, updateproportion: 0.05, requestdistribution: "zipfian" }),
  standard("C", { readproportion: 1, updateproportion: 0, requestdistribution: "zipfian" }),
  standard("D", {
    ...{ readproportion: 0.95, updateproportion: 0, insertproportion: 0.05 },
    requestdistribution: "latest",
  }),
  standard("E", {
    ...{ readproportion: 0, updateproportion: 0, scanproportion: 0.95, insertproportion: 0.05 },
    ...{ requestdistribution: "zipfian", maxscanlength: 100, scanlengthdistribution: "uniform" },
  }),
  standard("F", {
    ...{ readproportion: 0.5, updateproportion: 0, readmodifywriteproportion: 0.5 },
    requestdistribution: "zipfian",
  }),
]);

function standard(
  name: string,
  properties: { readonly [name: string]: string | number },
): readonly [string, PropertyTexts] {
  return [name, new Map(Object.entries(properties).map(([key, value]) => [key, String(value)]))];
}

/** The text of a property file, which is at `path`; throws UsageError. */
export function parseProperties(text: string, path: string): PropertyTexts {
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UsageError(`${path}: no property file: ${reason}`);
  }
  const all = new Map(Object.entries(parsed).map(([name, value]) => [name, String(value).trim()]));
  const workload = all.get("workload") ?? "";
  if (workload !== "" && !CORE_WORKLOADS.includes(workload)) {
    throw new UsageError(`${path}: workload ${workload}: expected ${CORE_WORKLOADS[0]}`);
  }
  for (const name of [...WITHOUT_EFFECT, "workload"]) all.delete(name);
  return all;
}

/** A property as `-p` has it; throws UsageError. */
export function parseProperty(argument: string): readonly [name: string, text: string] {
  const [, name, value] = /^\s*([^=\s]+)\s*=\s*(.*?)\s*$/.exec(argument) ?? [];
  if (name !== undefined && value !== undefined) return [name, value];
  throw new UsageError(`--property ${argument}: expected NAME=VALUE`);
}

/** Throws UsageError that begins with `where` for what is unknown or impossible. */
export function readProperties(texts: PropertyTexts, where: string): YcsbProperties {
  const values: { [name: string]: Value } = {};
  for (const [name, [, usual]] of PROPERTIES) values[name] = usual;
  for (const [name, given] of texts) {
    const known = [...PROPERTIES].find(([one]) => one === name);
    if (known === undefined) {
      const all = [...PROPERTIES.keys()].join(", ");
      throw new UsageError(`${where}: ${name}: no such property; there are ${all}`);
    }
    const [, [kind]] = known;
    const value = kind.read(given);
    if (value === undefined) {
      throw new UsageError(`${where}: ${name} ${given}: expected ${kind.expected}`);
    }
    values[name] = value;
  }
  const all = values as unknown as YcsbProperties;
  const { recordcount, insertstart } = all;
  const properties = texts.has("insertcount")
    ? all
    : { ...all, insertcount: Math.max(1, recordcount - insertstart) };
  const wrong = contradiction(properties);
  if (wrong !== null) throw new UsageError(`${where}: ${wrong}`);
  return properties;
}

/** Why there can be no such workload; null if there can. */
function contradiction(of: YcsbProperties): string | null {
  const { readproportion, updateproportion, insertproportion, scanproportion } = of;
  const { readmodifywriteproportion: both, fieldcount, fieldlength, minfieldlength } = of;
  if (readproportion + updateproportion + insertproportion + scanproportion + both === 0) {
    return "all proportions are 0";
  }
  if (of.insertstart + of.insertcount > of.recordcount) {
    return `insertstart ${of.insertstart} and insertcount ${of.insertcount}: more than recordcount`;
  }
  if (of.minscanlength > of.maxscanlength) {
    return `minscanlength ${of.minscanlength}: more than maxscanlength ${of.maxscanlength}`;
  }
  const byHistogram = of.fieldlengthdistribution === "histogram";
  if (byHistogram !== (of.fieldlengthhistogram !== "")) {
    return "fieldlengthhistogram: goes with fieldlengthdistribution histogram, which needs it";
  }
  if (of.fieldlengthdistribution !== "constant" && minfieldlength > fieldlength) {
    return `minfieldlength ${minfieldlength}: more than fieldlength ${fieldlength}`;
  }
  if (of.dataintegrity && of.fieldlengthdistribution !== "constant") {
    return "dataintegrity: needs fieldlengthdistribution constant";
  }
  const longest = byHistogram ? longestOf(histogramOfLine(of.fieldlengthhistogram)) : fieldlength;
  if (fieldcount * (longest + 4) + 2 > VALUE_MAX) {
    const asked = `fieldcount ${fieldcount} of fieldlength ${longest}`;
    return `${asked}: a record has ${VALUE_MAX} bytes at most`;
  }
  return null;
}

function property(
  name: keyof YcsbProperties,
  kind: Kind,
  usual: Value,
): readonly [keyof YcsbProperties, readonly [Kind, Value]] {
  return [name, [kind, usual]];
}

function decimal(low: number, high: number): Kind {
  return {
    expected: `a number from ${low} to ${high}`,
    read: (given) => {
      const value = Number(given);
      const isNumber = /^\d+(\.\d*)?$|^\.\d+$/.test(given);
      return isNumber && value >= low && value <= high ? value : undefined;
    },
  };
}

function share(): Kind {
  return decimal(0, 1);
}

function whole(low: number, high: number): Kind {
  return {
    expected: `a whole number from ${low} to ${high}`,
    read: (given) => {
      const value = Number(given);
      return /^\d{1,15}$/.test(given) && value >= low && value <= high ? value : undefined;
    },
  };
}

function flag(): Kind {
  return {
    expected: "true or false",
    read: (given) => ({ true: true, false: false })[given.toLowerCase()],
  };
}

function choice(...choices: readonly string[]): Kind {
  return { expected: choices.join(", "), read: (given) => choices.find((one) => one === given) };
}

/** Its path is given, and its content is the value. */
function histogramFile(): Kind {
  return {
    expected: "the path of a histogram",
    read: (path) =>
      path === "" ? undefined : lineOfHistogram(parseHistogram(readText(path), path)),
  };
}

function text(): Kind {
  return { expected: "a text", read: (given) => (given === "" ? undefined : given) };
}
