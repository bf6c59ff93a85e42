// Plays as text: `protocol=…&seed=…&actions=…`, what links and replay commands say. Text that is
// malformed gives the nearest play, and says what is wrong with it.

import {
  ACTIONS_MAX,
  PLAY_BOUNDS,
  playKinds,
  usualPlay,
  VERBS,
  withAction,
  type Play,
  type PlayAction,
  type Verb,
} from "./play.ts";
import { TRICKS } from "./seed-plan.ts";
import type { Subject } from "./subject.ts";

const MS_DIGITS = 3;
const US_MAX = 2 ** 43;

/** What a play's text says besides: where its page stands. */
export interface PlayText {
  readonly play: Play;
  readonly subject: Subject;
  /** Microseconds; -1: nothing. */
  readonly atUs: number;
  readonly problems: readonly string[];
}

/** The play as text, without what is as usual. */
export function playText(play: Play, subject: Subject, atUs = 0): string {
  const usual = usualPlay(subject);
  const parts: string[] = [`protocol=${play.protocol}`];
  const add = (name: string, value: string, otherwise: string): void => {
    if (value !== otherwise) parts.push(`${name}=${value}`);
  };
  add("kind", play.kind, usual.kind);
  parts.push(`seed=${play.seed}`);
  if (play.kind === "calm") {
    add("n", `${play.n}`, `${usual.n}`);
    add("clients", `${play.clients}`, `${usual.clients}`);
    add("operations", `${play.operations}`, `${usual.operations}`);
    add("think", `${play.thinkMs}`, `${usual.thinkMs}`);
    add("latency", play.latencyMs.join("-"), usual.latencyMs.join("-"));
    add("loss", `${play.lossPercent}`, `${usual.lossPercent}`);
    add("timeout", `${play.timeoutMs}`, `${usual.timeoutMs}`);
    add("auth", play.auth, usual.auth);
    add("end", `${play.endMs}`, `${usual.endMs}`);
  }
  add("actions", play.actions.map(actionText).join(","), "");
  if (atUs > 0) parts.push(`at=${msText(atUs)}`);
  return parts.join("&");
}

/** `12.5:crash:r0`, `14:pause:r1:20`, `14:byzantine:r2:silence+late`, `15:drop:118`, `16:ask:5`. */
export function actionText({ atUs, verb, target, value }: PlayAction): string {
  const words = [target, value.replaceAll(" ", "-")].filter((word) => word !== "");
  return [msText(atUs), verb, ...words].join(":");
}

export function msText(us: number): string {
  return `${Number((us / 1000).toFixed(MS_DIGITS))}`;
}

/** Reads a play; what is wrong is said, and is as usual then, or the nearest that can be. */
export function readPlay(text: string, subjects: readonly Subject[]): PlayText {
  const reader = new PlayReader(text.replace(/^#/, ""));
  return reader.read(subjects);
}

class PlayReader {
  readonly #values = new Map<string, string>();
  readonly #problems: string[] = [];

  constructor(text: string) {
    for (const part of text.split("&").filter((one) => one !== "")) {
      const equals = part.indexOf("=");
      const name = equals < 0 ? part : part.slice(0, equals);
      const value = decoded(equals < 0 ? "" : part.slice(equals + 1));
      if (value === null) this.#says(`'${part}' is malformed, and left out`);
      else if (!NAMES.includes(name)) this.#says(`there is no '${name}', only ${NAMES.join(", ")}`);
      else if (this.#values.has(name)) this.#says(`'${name}' is there twice: the first counts`);
      else this.#values.set(name, value);
    }
  }

  read(subjects: readonly Subject[]): PlayText {
    const subject = this.#subject(subjects);
    const usual = usualPlay(subject);
    const kinds = playKinds(subject);
    const kind = this.#oneOf("kind", kinds, usual.kind);
    const play: Play = {
      ...{ protocol: subject.name, kind, seed: this.#whole("seed", usual.seed) },
      n: this.#whole("n", usual.n),
      clients: this.#whole("clients", usual.clients),
      operations: this.#whole("operations", usual.operations),
      thinkMs: this.#number("think", usual.thinkMs),
      latencyMs: this.#latency(usual.latencyMs),
      lossPercent: this.#number("loss", usual.lossPercent),
      timeoutMs: this.#number("timeout", usual.timeoutMs),
      auth: this.#auth(subject),
      endMs: this.#number("end", usual.endMs),
      actions: [],
    };
    const at = this.#values.get("at");
    const atUs = at === undefined ? -1 : (microseconds(at) ?? -1);
    if (at !== undefined && atUs < 0) this.#says(`at=${at} is no time in milliseconds`);
    const actions = this.#actions(play, subject);
    return { play: { ...play, actions }, subject, atUs, problems: this.#problems };
  }

  #says(problem: string): void {
    this.#problems.push(problem);
  }

  #subject(subjects: readonly Subject[]): Subject {
    const usual = subjects.find(({ byzantine }) => byzantine) ?? subjects[0];
    if (usual === undefined) throw new Error("there is no protocol at all");
    const wanted = this.#values.get("protocol")?.toLowerCase();
    if (wanted === undefined) {
      if (this.#values.size > 0) this.#says(`no protocol is named: this is ${usual.name}`);
      return usual;
    }
    const found = subjects.find(({ name }) => name === wanted);
    if (found !== undefined) return found;
    const [nearest = usual] = subjects.toSorted(
      (a, b) => distance(wanted, a.name) - distance(wanted, b.name),
    );
    this.#says(`there is no protocol '${wanted}': this is ${nearest.name}`);
    return nearest;
  }

  #oneOf<T extends string>(name: string, values: readonly T[], usual: T): T {
    const given = this.#values.get(name);
    if (given === undefined) return usual;
    const found = values.find((value) => value === given);
    if (found === undefined) {
      this.#says(`${name} is one of ${values.join(", ")}, and not '${given}': this is ${usual}`);
    }
    return found ?? usual;
  }

  #number(name: keyof typeof PLAY_BOUNDS, usual: number): number {
    const given = this.#values.get(name);
    return given === undefined ? usual : this.#bounded(name, given, usual);
  }

  #whole(name: keyof typeof PLAY_BOUNDS, usual: number): number {
    const value = this.#number(name, usual);
    if (Number.isInteger(value)) return value;
    this.#says(`${name}=${value} is no whole number: this is ${Math.round(value)}`);
    return Math.round(value);
  }

  /** A decimal within its bounds; the nearest, or the usual. */
  #bounded(name: keyof typeof PLAY_BOUNDS, given: string, usual: number): number {
    const [min, max] = PLAY_BOUNDS[name];
    if (!DECIMAL.test(given)) {
      this.#says(`${name}=${given} is no number: this is ${usual}`);
      return usual;
    }
    const value = Number(given);
    const near = Math.min(max, Math.max(min, value));
    if (near !== value) {
      this.#says(`${name} is from ${min} to ${max}, and not ${given}: this is ${near}`);
    }
    return near;
  }

  #latency(usual: Play["latencyMs"]): Play["latencyMs"] {
    const given = this.#values.get("latency");
    if (given === undefined) return usual;
    const [first = "", second = first, ...more] = given.split("-");
    if (more.length > 0 || !DECIMAL.test(first) || !DECIMAL.test(second)) {
      this.#says(`latency=${given} is not like 1 or 1-2: this is ${usual.join("-")}`);
      return usual;
    }
    const min = this.#bounded("latency", first, usual[0]);
    const max = this.#bounded("latency", second, usual[1]);
    if (min <= max) return [min, max];
    this.#says(`latency=${given} is the wrong way round: this is ${max}-${min}`);
    return [max, min];
  }

  #auth(subject: Subject): Play["auth"] {
    const auth = this.#oneOf("auth", ["none", "sign"] as const, "none");
    if (auth === "none" || subject.protocol.signed) return auth;
    this.#says(`clients of ${subject.name} do not sign: this is auth=none`);
    return "none";
  }

  #actions(play: Play, subject: Subject): readonly PlayAction[] {
    const given = this.#values.get("actions") ?? "";
    let actions: readonly PlayAction[] = [];
    for (const text of given.split(",").filter((one) => one !== "")) {
      const action = readAction(text, play, subject);
      if (typeof action === "string") this.#says(`${action}; '${text}' is left out`);
      else if (actions.length < ACTIONS_MAX) actions = withAction(actions, action);
      else this.#says(`a play has at most ${ACTIONS_MAX} actions; '${text}' is left out`);
    }
    return actions;
  }
}

const NAMES: readonly string[] = [
  ...["protocol", "kind", "seed", "n", "clients", "operations", "think", "latency", "loss"],
  ...["timeout", "auth", "end", "actions", "at"],
];
const DECIMAL = /^\d{1,15}(?:\.\d{1,6})?$/;

/** The action, or what is wrong with it. */
function readAction(text: string, { kind, n }: Play, subject: Subject): PlayAction | string {
  const [time = "", name = "", ...words] = text.split(":");
  const atUs = microseconds(time);
  if (atUs === null) return `'${time}' is no time in milliseconds`;
  const verb = (Object.keys(VERBS) as Verb[]).find((one) => one === name);
  if (verb === undefined) return `an action is one of ${Object.keys(VERBS).join(", ")}`;
  const rule = VERBS[verb];
  const target = rule.target === "none" ? "" : (words.shift() ?? "");
  const value = rule.value === "none" ? "" : (words.shift() ?? "");
  if (words.length > 0) return `'${verb}' takes fewer words`;
  const problem =
    targetProblem(rule.target, target, kind === "calm" ? n : Infinity, subject) ??
    valueProblem(rule.value, value);
  if (problem !== null) return problem;
  if (verb === "byzantine" && !subject.byzantine) {
    return `replicas of ${subject.name} are taken to be honest`;
  }
  return { atUs, verb, target, value: rule.value === "tricks" ? tricksOf(value) : value };
}

function targetProblem(
  rule: (typeof VERBS)[Verb]["target"],
  target: string,
  n: number,
  { protocol }: Subject,
): string | null {
  if (rule === "none") return null;
  if (rule === "message") return /^\d{1,9}$/.test(target) ? null : "a message has a number";
  const [, letter = "", number = ""] = /^([rs])(\d{1,3})'?$/.exec(target) ?? [];
  if (letter === "r" && Number(number) < n) return null;
  const hasRoles = (protocol.roles?.size ?? 0) > 0;
  if (letter === "s" && rule === "process" && hasRoles) return null;
  return `there is no process '${target}'`;
}

function valueProblem(rule: (typeof VERBS)[Verb]["value"], value: string): string | null {
  if (rule === "none") return null;
  if (rule === "tricks") {
    const unknown = tricksOf(value)
      .split("+")
      .find((trick) => trick !== "" && !TRICKS.some((one) => one === trick));
    return unknown === undefined ? null : `there is no trick '${unknown}'`;
  }
  const [min, max] = PLAY_BOUNDS[rule];
  const number = DECIMAL.test(value) ? Number(value) : NaN;
  const whole = rule === "ms" || Number.isInteger(number);
  if (number >= min && number <= max && whole) return null;
  return `'${value}' is not from ${min} to ${max}`;
}

/** The tricks' names as plans have them, joined by "+". */
export function tricksOf(value: string): string {
  return value.replaceAll("-", " ").replaceAll("cross type", "cross-type");
}

/** Of milliseconds; null if it is no time of a run. */
function microseconds(text: string): number | null {
  const us = DECIMAL.test(text) ? Math.round(Number(text) * 1000) : NaN;
  return us >= 0 && us < US_MAX ? us : null;
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

/** Letters to add, leave out or change to make one of the other (Levenshtein). */
function distance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, i) => i);
  for (const [i, letter] of [...one].entries()) {
    const next = [i + 1];
    for (let j = 0; j < other.length; j++) {
      const changed = (row[j] ?? 0) + (letter === other[j] ? 0 : 1);
      next.push(Math.min(changed, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
