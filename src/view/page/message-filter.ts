// Which messages a search shows. Words stand for kinds, processes, operations and fates; a word
// with a name before it, such as "slot:7", for one of these alone. All words must hold.

import type { RunModel } from "./run-model.ts";

type Test = (message: number) => boolean;

export const SEARCH_HELP =
  "prepare   r1   c0#3   view:2   slot:7   from:r0   to:r2   is:lost   is:refused   is:corrupted";

const NAMES = ["kind", "view", "slot", "from", "to", "at", "op", "is"] as const;

export interface MessageFilter {
  /** Null: all pass. */
  readonly test: Test | null;
  /** What is wrong with the search; null: nothing. */
  readonly problem: string | null;
}

/** Reads a search. A word that nothing in the run has is a problem, and shows nothing. */
export function readFilter(model: RunModel, text: string): MessageFilter {
  const words = text
    .trim()
    .split(/\s+/)
    .filter((word) => word !== "");
  if (words.length === 0) return { test: null, problem: null };
  const tests: Test[] = [];
  for (const word of words) {
    const test = testOf(model, word.toLowerCase());
    if (typeof test === "string") return { test: () => false, problem: test };
    tests.push(test);
  }
  return { test: (message) => tests.every((test) => test(message)), problem: null };
}

function testOf(model: RunModel, word: string): Test | string {
  const colon = word.indexOf(":");
  if (colon < 0) return anyOf(model, word);
  const [name, value] = [word.slice(0, colon), word.slice(colon + 1)];
  const { messages } = model;
  switch (name) {
    case "kind":
      return (message) => model.kindOf(message).toLowerCase() === value;
    case "view":
      return (message) => model.contentOf(message).view === Number(value);
    case "slot":
      return (message) => model.contentOf(message).slot === Number(value);
    case "from":
      return (message) => model.nameOf(messages.from[message]) === value;
    case "to":
      return (message) => model.nameOf(messages.to[message]) === value;
    case "at":
      return isAt(model, value);
    case "op":
      return operation(model, value) ?? `this run has no operation '${value}'`;
    case "is":
      return isFate(model, value);
    default:
      return `'${name}:' is none of ${NAMES.join(", ")}`;
  }
}

function anyOf(model: RunModel, word: string): Test | string {
  const { data } = model;
  const op = operation(model, word);
  if (op !== null) return op;
  if (data.processes.some(({ name }) => name === word)) return isAt(model, word);
  const kinds = data.kinds.map((kind) => kind.toLowerCase().startsWith(word));
  const fate = isFate(model, word);
  if (kinds.some(Boolean)) return (message) => kinds[model.contentOf(message).kind] === true;
  return typeof fate === "string" ? `this run has no kind, process or operation '${word}'` : fate;
}

function isAt(model: RunModel, name: string): Test {
  const { from, to } = model.messages;
  return (message) => [from[message], to[message]].some((one) => model.nameOf(one) === name);
}

function operation(model: RunModel, name: string): Test | null {
  const index = model.data.operations.findIndex((one) => one.name === name);
  return index < 0 ? null : (message) => model.contentOf(message).about.includes(index);
}

function isFate(model: RunModel, value: string): Test | string {
  const { fates, travels } = model.data;
  const fate = fates.map((one) => one.class === value || one.what.includes(value));
  const how = travels.map((one) => one === value);
  if (![...fate, ...how].includes(true)) return `nothing in this run is '${value}'`;
  const { messages } = model;
  return (message) =>
    fate[messages.fate[message] ?? -1] === true || how[messages.how[message] ?? -1] === true;
}
