// The columns of a run's page as they grow, and the words that they name by number.

import {
  MARKS,
  type FateClass,
  type FateData,
  type HandlerColumns,
  type MarkColumns,
  type MessageColumns,
} from "./run-data.ts";

interface NewMessage {
  readonly from: number;
  readonly to: number;
  readonly sentUs: number;
  readonly endUs: number;
  readonly content: number;
  readonly how: string;
  readonly cause: number;
}

interface NewMark {
  readonly process: number;
  readonly atUs: number;
  readonly handler: number;
  readonly operation: number;
}

export class Columns {
  readonly messages: MessageColumns = {
    ...{ from: [], to: [], sentUs: [], endUs: [], content: [] },
    ...{ fate: [], how: [], cause: [], handler: [] },
  };
  readonly handlers: HandlerColumns = { process: [], atUs: [], message: [], what: [], cause: [] };
  readonly marks: MarkColumns = {
    ...{ process: [], atUs: [], kind: [], text: [], handler: [], operation: [] },
  };
  readonly fates: FateData[] = [];
  readonly texts = new Names();
  readonly travels = new Names();
  readonly #fateOf = new Map<string, number>();

  /** Returns its number. */
  addMessage(given: NewMessage, fate: FateClass, what: string): number {
    const { messages } = this;
    messages.from.push(given.from);
    messages.to.push(given.to);
    messages.sentUs.push(given.sentUs);
    messages.endUs.push(given.endUs);
    messages.content.push(given.content);
    messages.fate.push(this.#fate(fate, what));
    messages.how.push(this.travels.of(given.how));
    messages.cause.push(given.cause);
    return messages.handler.push(-1) - 1;
  }

  /** It is with its receiver's transport, until more is known. */
  arrive(number: number, atUs: number, part: boolean): void {
    this.messages.endUs[number] = atUs;
    if (part) this.settle(number, "part", "a part, to be put together with others");
    else
      this.settle(number, "refused", "kept by the transport: nobody's, or of an unproven address");
  }

  settle(number: number, fate: FateClass, what: string): void {
    this.messages.fate[number] = this.#fate(fate, what);
  }

  handle(number: number, handler: number): void {
    this.settle(number, "handled", "handled");
    this.messages.handler[number] = handler;
  }

  addHandler(process: number, atUs: number, message: number, what: string, cause: number): number {
    const { handlers } = this;
    handlers.process.push(process);
    handlers.atUs.push(atUs);
    handlers.message.push(message);
    handlers.cause.push(cause);
    return handlers.what.push(this.texts.of(what)) - 1;
  }

  processOf(handler: number): number {
    return this.handlers.process[handler] ?? -1;
  }

  addMark({ process, atUs, handler, operation }: NewMark, kind: string, text: string): void {
    const { marks } = this;
    marks.process.push(process);
    marks.atUs.push(atUs);
    marks.kind.push(MARKS.findIndex((mark) => mark === kind));
    marks.text.push(this.texts.of(text));
    marks.handler.push(handler);
    marks.operation.push(operation);
  }

  #fate(fate: FateClass, what: string): number {
    const key = `${fate}: ${what}`;
    const known = this.#fateOf.get(key);
    if (known !== undefined) return known;
    const index = this.fates.push({ class: fate, what }) - 1;
    this.#fateOf.set(key, index);
    return index;
  }
}

/** Words with numbers. */
class Names {
  readonly all: string[] = [];
  readonly #indexes = new Map<string, number>();

  of(name: string): number {
    const known = this.#indexes.get(name);
    if (known !== undefined) return known;
    const index = this.all.push(name) - 1;
    this.#indexes.set(name, index);
    return index;
  }
}
