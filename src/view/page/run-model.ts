// A run as the page asks about it: what each message is, what caused it, and what came of it.

import type {
  ContentData,
  FateData,
  HandlerColumns,
  MessageColumns,
  RunData,
} from "../run-data.ts";

/** What is chosen: a message, a call of an actor, or a violation. */
export interface Chosen {
  readonly what: "message" | "handler" | "failure";
  readonly index: number;
}

/** What led to something, and what followed from it: 1 and 2 by message and by handler. */
export interface Light {
  readonly messages: Uint8Array;
  readonly handlers: Uint8Array;
  readonly past: number;
  readonly future: number;
}

export const PAST = 1;
export const FUTURE = 2;

export class RunModel {
  readonly data: RunData;
  readonly messages: MessageColumns;
  readonly handlers: HandlerColumns;
  /** Process indexes from the top lane down. */
  readonly lanes: readonly number[];
  /** Messages that each handler sent, and its marks. */
  readonly sentBy: readonly (readonly number[])[];
  readonly marksOf: readonly (readonly number[])[];
  /** Handlers of what looped back, by the handler that sent it. */
  readonly #returns: readonly (readonly number[])[];
  /** Handlers of each process, in their order. */
  readonly #ofProcess: readonly (readonly number[])[];
  readonly #place: Int32Array;

  constructor(data: RunData) {
    this.data = data;
    const { messages, handlers, processes } = data;
    this.messages = messages;
    this.handlers = handlers;
    const ORDER = ["client", "sequencer", "replica", "twin", "stranger"];
    const rank = (index: number) => ORDER.indexOf(processes[index]?.role ?? "");
    const name = (index: number) => processes[index]?.name ?? "";
    this.lanes = processes
      .map((_, index) => index)
      .sort((a, b) => {
        const [one, other] = [rank(a) === 3 ? 2 : rank(a), rank(b) === 3 ? 2 : rank(b)];
        return one - other || name(a).localeCompare(name(b), "en", { numeric: true }) || a - b;
      });
    const count = handlers.process.length;
    this.sentBy = grouped(messages.cause, count);
    this.marksOf = grouped(data.marks.handler, count);
    this.#returns = grouped(handlers.cause, count);
    this.#ofProcess = grouped(handlers.process, processes.length);
    this.#place = new Int32Array(count);
    for (const some of this.#ofProcess) {
      for (const [place, handler] of some.entries()) this.#place[handler] = place;
    }
  }

  get count(): number {
    return this.messages.from.length;
  }

  contentOf(message: number): ContentData {
    return at(this.data.contents, this.messages.content[message]);
  }
  kindOf(message: number): string {
    return this.data.kinds[this.contentOf(message).kind] ?? "message";
  }
  fateOf(message: number): FateData {
    return at(this.data.fates, this.messages.fate[message]);
  }
  howOf(message: number): string {
    return this.data.travels[this.messages.how[message] ?? -1] ?? "sent";
  }
  nameOf(process: number | undefined): string {
    return this.data.processes[process ?? -1]?.name ?? "nobody";
  }
  textOf(index: number | undefined): string {
    return this.data.texts[index ?? -1] ?? "";
  }

  /** What a handler is: "prepare of r1", "timeout view". */
  callOf(handler: number): string {
    const message = this.handlers.message[handler] ?? -1;
    if (message < 0) return this.textOf(this.handlers.what[handler]);
    return `${this.kindOf(message)} of ${this.nameOf(this.messages.from[message])}`;
  }

  /** When it is: of a message when it was sent. */
  timeOf({ what, index }: Chosen): number {
    if (what === "message") return this.messages.sentUs[index] ?? 0;
    if (what === "handler") return this.handlers.atUs[index] ?? 0;
    return this.data.failures[index]?.atUs ?? 0;
  }

  /** How many there are of that. */
  countOf(what: Chosen["what"]): number {
    if (what === "message") return this.count;
    return what === "handler" ? this.handlers.process.length : this.data.failures.length;
  }

  /**
   * What led to it and followed: by what handlers sent because of what they got, or, where `all`,
   * by all that happened before in the same process as well (Lamport's happened-before).
   */
  light({ what, index }: Chosen, all: boolean): Light {
    const { messages } = this;
    const light = {
      messages: new Uint8Array(this.count),
      handlers: new Uint8Array(this.handlers.process.length),
    };
    const own = what === "failure" ? (this.data.failures[index]?.handler ?? -1) : index;
    const isMessage = what === "message";
    this.#back(isMessage ? (messages.cause[own] ?? -1) : own, light, all);
    if (isMessage) this.#on(messages.handler[own] ?? -1, light, all);
    else this.#onFrom(own, light, all);
    if (isMessage) light.messages[own] = 0;
    const past = light.messages.reduce((sum, one) => sum + Number(one === PAST), 0);
    const future = light.messages.reduce((sum, one) => sum + Number(one === FUTURE), 0);
    return { ...light, past, future };
  }

  #back(from: number, light: Omit<Light, "past" | "future">, all: boolean): void {
    const stack = [from];
    for (let handler = stack.pop(); handler !== undefined; handler = stack.pop()) {
      if (handler < 0 || light.handlers[handler] !== 0) continue;
      light.handlers[handler] = PAST;
      const message = this.handlers.message[handler] ?? -1;
      if (message >= 0) {
        light.messages[message] = PAST;
        stack.push(this.messages.cause[message] ?? -1);
      }
      stack.push(this.handlers.cause[handler] ?? -1);
      if (all) stack.push(this.#neighbour(handler, -1));
    }
  }

  #on(from: number, light: Omit<Light, "past" | "future">, all: boolean): void {
    const stack = [from];
    for (let handler = stack.pop(); handler !== undefined; handler = stack.pop()) {
      if (handler < 0 || light.handlers[handler] !== 0) continue;
      light.handlers[handler] = FUTURE;
      this.#next(handler, light, all, stack);
    }
  }

  /** The same from a handler that is itself no part of its future. */
  #onFrom(own: number, light: Omit<Light, "past" | "future">, all: boolean): void {
    if (own < 0) return;
    const stack: number[] = [];
    this.#next(own, light, all, stack);
    for (const handler of stack) this.#on(handler, light, all);
  }

  #next(
    handler: number,
    light: Omit<Light, "past" | "future">,
    all: boolean,
    stack: number[],
  ): void {
    for (const message of this.sentBy[handler] ?? []) {
      if (light.messages[message] === 0) light.messages[message] = FUTURE;
      stack.push(this.messages.handler[message] ?? -1);
    }
    stack.push(...(this.#returns[handler] ?? []));
    if (all) stack.push(this.#neighbour(handler, 1));
  }

  /** The call before or after in the same process. */
  #neighbour(handler: number, step: number): number {
    const some = this.#ofProcess[this.handlers.process[handler] ?? -1] ?? [];
    return some[(this.#place[handler] ?? 0) + step] ?? -1;
  }
}

function at<T>(list: readonly T[], index: number | undefined): T {
  const found = list[index ?? -1];
  if (found === undefined) throw new Error("the run's columns do not fit each other");
  return found;
}

/** Indexes by their value, which is below `count` or none. */
function grouped(values: readonly number[], count: number): number[][] {
  const groups = Array.from({ length: count }, (): number[] => []);
  for (const [index, value] of values.entries()) groups[value]?.push(index);
  return groups;
}
