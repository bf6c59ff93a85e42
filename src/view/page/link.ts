// What is shown, as the part of an address after "#": every selection has a link. A link that names
// what is not there gives the nearest that is, and says so.

import type { Chosen, RunModel } from "./run-model.ts";

/** What a link says. */
export interface Shown {
  readonly chosen: Chosen | null;
  /** The operation that is followed; -1: none. */
  readonly followed: number;
  readonly search: string;
  /** Null: what the page shows by itself. */
  readonly window: readonly [fromUs: number, toUs: number] | null;
}

export const NOTHING: Shown = { chosen: null, followed: -1, search: "", window: null };

const NAMES = ["message", "handler", "failure"] as const;

export function linkOf(model: RunModel, { chosen, followed, search, window }: Shown): string {
  const parts: string[] = [];
  if (chosen !== null) parts.push(`${chosen.what}=${chosen.index}`);
  const operation = model.data.operations[followed];
  if (operation !== undefined) parts.push(`follow=${encodeURIComponent(operation.name)}`);
  if (search !== "") parts.push(`search=${encodeURIComponent(search)}`);
  if (window !== null) parts.push(`time=${Math.round(window[0])}-${Math.round(window[1])}`);
  return parts.length === 0 ? "" : `#${parts.join("&")}`;
}

/** What the link says, with what is wrong with it in sentences. */
export function readLink(
  model: RunModel,
  link: string,
): { readonly shown: Shown; readonly problems: readonly string[] } {
  const problems: string[] = [];
  let shown = NOTHING;
  for (const part of link.replace(/^#/, "").split("&")) {
    if (part === "") continue;
    const equals = part.indexOf("=");
    const name = equals < 0 ? part : part.slice(0, equals);
    const value = decoded(equals < 0 ? "" : part.slice(equals + 1));
    if (value === null) problems.push(`'${part}' of the link is malformed.`);
    else shown = { ...shown, ...readPart(model, name, value, problems) };
  }
  return { shown, problems };
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

function readPart(
  model: RunModel,
  name: string,
  value: string,
  problems: string[],
): Partial<Shown> {
  const what = NAMES.find((one) => one === name);
  if (what !== undefined) return readChosen(model, what, value, problems);
  if (name === "search") return { search: value };
  if (name === "time") return readWindow(model, value, problems);
  if (name === "follow") {
    const { operations } = model.data;
    const followed = operations.findIndex((one) => one.name === value);
    if (followed < 0) {
      const has = operations.length === 0 ? "has none" : `has ${names(model)}`;
      problems.push(`The link follows operation '${value}'; this run ${has}.`);
    }
    return { followed };
  }
  const known = [...NAMES, "follow", "search", "time"].join(", ");
  problems.push(`The link says '${name}', and a link of this version has ${known}.`);
  return {};
}

function names({ data: { operations } }: RunModel): string {
  const [first, last] = [operations[0]?.name, operations.at(-1)?.name];
  return first === last ? `${first}` : `${first} to ${last}`;
}

function readChosen(
  model: RunModel,
  what: Chosen["what"],
  value: string,
  problems: string[],
): Partial<Shown> {
  const count = model.countOf(what);
  if (count === 0) {
    problems.push(`The link names a ${what}, and this run has none.`);
    return {};
  }
  const number = /^\d{1,9}$/.test(value) ? Number(value) : NaN;
  if (number < count) return { chosen: { what, index: number } };
  const index = Number.isNaN(number) ? 0 : count - 1;
  problems.push(
    `The link names ${what} '${value}', and this run has ${what}s 0 to ${count - 1}: ` +
      `this is ${what} ${index}.`,
  );
  return { chosen: { what, index } };
}

function readWindow(model: RunModel, value: string, problems: string[]): Partial<Shown> {
  const [, from, to] = /^(-?\d{1,15})-(-?\d{1,15})$/.exec(value) ?? [];
  const { endUs } = model.data;
  const [fromUs, toUs] = [Number(from), Number(to)];
  if (from !== undefined && fromUs < toUs && fromUs < endUs && toUs > 0) {
    return { window: [fromUs, toUs] };
  }
  problems.push(`The link shows the time '${value}', and this run lasts 0-${endUs} microseconds.`);
  return {};
}
