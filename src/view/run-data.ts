// A run as its page holds it: plain data, written by the recorder here and read in the browser.
// Times are microseconds of virtual time; -1 stands for none.

/** Pages of another version are refused by name, because their columns mean something else. */
export const RUN_VERSION = 1;

export type ProcessRole = "replica" | "twin" | "client" | "sequencer" | "stranger";

export interface ProcessData {
  readonly name: string;
  readonly role: ProcessRole;
  readonly byzantine: boolean;
}

/** What one packet says, shared by all who get it. */
export interface ContentData {
  /** Index into `kinds`. */
  readonly kind: number;
  /** In bytes. */
  readonly size: number;
  readonly view: number;
  /** Slot or height. */
  readonly slot: number;
  readonly fields: readonly (readonly [path: string, value: string])[];
  /** Names of replicas whose signatures it shows. */
  readonly signers: readonly string[];
  /** Operations that it carries, votes on or answers: indexes into `operations`. */
  readonly about: readonly number[];
}

/**
 * What became of a message: "handled" by its receiver; "part" of one; "refused" when it had
 * arrived; "lost" in the network; "down", when its receiver was; still "under way" at the end.
 */
export type FateClass = "handled" | "part" | "refused" | "lost" | "down" | "under way";

export interface FateData {
  readonly class: FateClass;
  /** In words. */
  readonly what: string;
}

/** Messages by columns, in the order of sending. */
export interface MessageColumns {
  readonly from: number[];
  readonly to: number[];
  readonly sentUs: number[];
  /** When it arrived, was to arrive, or was lost. */
  readonly endUs: number[];
  readonly content: number[];
  readonly fate: number[];
  /** How it came to travel: index into `travels`. */
  readonly how: number[];
  /** The handler that sent it. */
  readonly cause: number[];
  /** The handler that it was given to. */
  readonly handler: number[];
}

/** Calls of an actor, by columns. */
export interface HandlerColumns {
  readonly process: number[];
  readonly atUs: number[];
  /** The message that it handles. */
  readonly message: number[];
  /** Else what it is: index into `texts`. */
  readonly what: number[];
  /** The handler that sent what loops back. */
  readonly cause: number[];
}

export const MARKS = [
  "timeout",
  "execute",
  "commit",
  "rollback",
  "checkpoint",
  "restore",
  "ask",
  "answer",
] as const;

/** What happened inside processes, by columns. */
export interface MarkColumns {
  readonly process: number[];
  readonly atUs: number[];
  /** Index into MARKS. */
  readonly kind: number[];
  /** Index into `texts`. */
  readonly text: number[];
  readonly handler: number[];
  /** Index into `operations`. */
  readonly operation: number[];
}

/** What a replica was in, from one time to another: a view, or being down, paused, recovering. */
export interface BandData {
  readonly process: number;
  readonly fromUs: number;
  readonly toUs: number;
  readonly kind: "view" | "down" | "paused" | "starting";
  readonly view: number;
  readonly text: string;
}

export interface SpanData {
  readonly fromUs: number;
  readonly toUs: number;
  readonly text: string;
}

export interface FailureData {
  readonly atUs: number;
  /** The process whose event it was. */
  readonly process: number;
  readonly handler: number;
  /** The invariant that is violated. */
  readonly invariant: string;
  readonly text: string;
}

export interface OperationData {
  /** "c0#3": the third of client 0. */
  readonly name: string;
  readonly process: number;
  readonly askedUs: number;
  readonly answeredUs: number;
}

export interface RunData {
  readonly version: number;
  readonly protocol: string;
  readonly kind: string;
  readonly seed: number;
  /** What it is beside: "shrunk", or nothing. */
  readonly note: string;
  readonly command: string;
  readonly traceHash: string;
  readonly facts: readonly (readonly [name: string, value: string])[];
  readonly endUs: number;
  readonly gstUs: number;
  /** Messages that came before the first one here, because the run was too long for a page. */
  readonly skipped: number;
  readonly processes: readonly ProcessData[];
  readonly kinds: readonly string[];
  readonly travels: readonly string[];
  readonly fates: readonly FateData[];
  readonly texts: readonly string[];
  readonly contents: readonly ContentData[];
  readonly messages: MessageColumns;
  readonly handlers: HandlerColumns;
  readonly marks: MarkColumns;
  readonly bands: readonly BandData[];
  readonly spans: readonly SpanData[];
  readonly failures: readonly FailureData[];
  readonly operations: readonly OperationData[];
}
