// The judge: every operation carries a stamp, every replica's application is wrapped, and what is
// executed is compared with the one canonical sequence, which grows as the first replica commits.

import type { App, Bytes, Snapshot, State } from "../actor.ts";
import { coverageMark } from "../base/coverage-mark.ts";
import { mix32 } from "../base/seeded-random.ts";
import { bytesOf, EMPTY, equal, Reader, u32At } from "../wire.ts";

/** The magic that begins a stamped operation, so that it is recognised in any message. */
export const STAMP_MAGIC = Uint8Array.of(0xc5, 0x4f, 0x73, 0x6b, 0x72, 0x3a);
export const STAMP_LENGTH = 6 + 2 + 4;
/** Clients of the adversary, whose operations may be anything. */
export const ADVERSARY_CLIENT = 0x8000;
/** The first client of an earlier run. */
export const EARLIER_CLIENT = 0x8100;

/** Positions of one epoch, in those of all that a world has one after another. */
export const EPOCH_POSITIONS = 2 ** 32;

/** Adds bytes to a running 32-bit hash. */
function hashBytes(hash: number, bytes: Bytes): number {
  return mix32(hash, Bun.hash.crc32(bytes));
}

/** An operation of a client: unique, whatever the application's operation is. */
export function stamp(client: number, number: number, op: Bytes): Bytes {
  return bytesOf((out) => {
    out.bytes(STAMP_MAGIC);
    out.u16(client);
    out.u32(number);
    out.bytes(op);
  });
}

/** Whether the bytes hold a stamped operation anywhere. */
export function holdsStamp(bytes: Bytes): boolean {
  return nextStamp(bytes, 0) >= 0;
}

/** The stamps of all operations that the bytes hold, in their order. */
export function stampsIn(bytes: Bytes): number[] {
  const found: number[] = [];
  for (let at = nextStamp(bytes, 0); at >= 0; at = nextStamp(bytes, at + STAMP_MAGIC.length)) {
    const stamp = stampOf(bytes.subarray(at));
    if (stamp >= 0) found.push(stamp);
  }
  return found;
}

/** Where the next magic begins; -1 if there is none. */
function nextStamp(bytes: Bytes, from: number): number {
  if (bytes.length < STAMP_LENGTH) return -1;
  const [first = 0] = STAMP_MAGIC;
  for (let at = bytes.indexOf(first, from); at >= 0; at = bytes.indexOf(first, at + 1)) {
    let same = 1;
    while (same < STAMP_MAGIC.length && bytes[at + same] === STAMP_MAGIC[same]) same++;
    if (same === STAMP_MAGIC.length) return at;
  }
  return -1;
}

/** client * 2^32 + number, or -1 if the operation has no stamp. */
export function stampOf(op: Bytes): number {
  if (op.length < STAMP_LENGTH) return -1;
  for (let i = 0; i < STAMP_MAGIC.length; i++) if (op[i] !== STAMP_MAGIC[i]) return -1;
  return (u32At(op, 6) >>> 16) * 2 ** 32 + u32At(op, 8);
}

/** An operation that a client of ours sent. */
export interface Issued {
  readonly client: number;
  readonly op: Bytes;
  readonly sentUs: number;
  /** Infinity while it is outstanding or for ever pending. */
  doneUs: number;
  /** The application's result; null when nobody knows. */
  result: Bytes | null;
  /** Where it was executed, those of earlier epochs before it; -1 when nobody knows. */
  position: number;
  /** Whether its client lives and waits for it. */
  waiting: boolean;
}

interface Entry {
  readonly op: Bytes;
  readonly result: Bytes;
  readonly hash: number;
}

/** What a client accepted at a position that no correct replica had committed. */
interface Promised {
  readonly client: string;
  readonly op: Bytes;
  readonly result: Bytes;
}

/** What differs from one seed to another in what is judged. */
export interface JudgeRules {
  /** Operations that no client sent are no violation. */
  readonly invents: boolean;
  /**
   * What a client accepts may be committed by nobody yet: then it is promised, and to be committed
   * before the seed ends.
   */
  readonly speculates: boolean;
}

export class Ledger {
  /** What was executed, in order; the first correct replica to commit a position fills it. */
  readonly canonical: Entry[] = [];
  readonly issued: Map<number, Issued>;
  /** Position by stamp. */
  readonly #positions = new Map<number, number>();
  /** Stamps of what was executed, be it undone or lost with a run that ended. */
  readonly #executed = new Set<number>();
  /** CRC of the application's snapshot by position. */
  readonly #states = new Map<number, number>();
  readonly #fail: (what: string) => void;
  readonly #rules: JudgeRules;
  readonly #first: number;
  /** By position. */
  readonly #promised = new Map<number, Promised>();
  /** Clients by the sessions that they believe to be theirs. */
  readonly #sessions = new Map<number, string>();

  /**
   * `first` is where the epoch's positions begin, and `issued` what clients send in all epochs.
   */
  constructor(
    rules: JudgeRules,
    fail: (what: string) => void,
    first = 0,
    issued = new Map<number, Issued>(),
  ) {
    this.#rules = rules;
    this.#fail = fail;
    this.#first = first;
    this.issued = issued;
  }

  /** Whether it was executed, for good or not. */
  has(op: Bytes): boolean {
    const stamp = stampOf(op);
    return this.#positions.has(stamp) || this.#executed.has(stamp);
  }

  /** A correct replica executed it, and may undo it. */
  executed(op: Bytes): void {
    this.#executed.add(stampOf(op));
  }

  /** Whether a position of an operation is one of this epoch. */
  contains(position: number): boolean {
    return position >= this.#first && position < this.#first + EPOCH_POSITIONS;
  }

  hashAt(position: number): number {
    return position === 0 ? 0 : (this.canonical[position - 1]?.hash ?? 0);
  }

  /** A correct replica made `op` permanent as its operation number `position` + 1. */
  settle(replica: string, position: number, op: Bytes, result: Bytes): void {
    const known = this.canonical[position];
    if (known !== undefined) {
      if (!equal(known.op, op)) {
        const here = `${replica} executed ${describe(op)} as operation ${position}`;
        this.#fail(`agreement: ${here}, others ${describe(known.op)}`);
      } else if (!equal(known.result, result)) {
        this.#fail(`agreement: ${replica}'s result of operation ${position} differs`);
      }
      return;
    }
    const hash = hashBytes(hashBytes(this.hashAt(position), op), result);
    this.canonical.push({ op, result, hash });
    this.#settlePromise(position, op, result);
    const key = stampOf(op);
    const before = this.#positions.get(key);
    // An operation that was copied into a request with another number is another request.
    if (key >= 0 && before !== undefined && !this.#rules.invents) {
      const times = `as operations ${before} and ${position}`;
      this.#fail(`exactly once: ${replica} executed ${describe(op)} ${times}`);
    }
    this.#positions.set(key, position);
    if (this.#rules.invents) return;
    const issued = this.issued.get(key);
    const ours = key < ADVERSARY_CLIENT * 2 ** 32 || issued !== undefined;
    if (ours && (issued === undefined || !equal(issued.op, op))) {
      this.#fail(`validity: ${replica} executed ${describe(op)}, which no client sent`);
    }
  }

  /** What was promised at the position has to be what is there. */
  #settlePromise(position: number, op: Bytes, result: Bytes): void {
    const promised = this.#promised.get(position);
    if (promised === undefined) return;
    this.#promised.delete(position);
    if (equal(promised.op, op) && equal(promised.result, result)) return;
    const [was, is] = [describe(promised.op), describe(op)];
    const what = was === is ? `another result of ${was}` : was;
    this.#fail(
      `client agreement: ${promised.client} accepted ${what} at ${position}, where ${is} is`,
    );
  }

  /** Whether a client accepted what was executed there, and nobody has committed it. */
  isPromised(position: number): boolean {
    return this.#promised.has(position);
  }

  /** Says what was promised and nobody has committed; null if there is nothing. */
  get outstanding(): string | null {
    for (const [position, { client, op }] of this.#promised) {
      return `${client} accepted ${describe(op)} at ${position}, which nobody committed`;
    }
    return null;
  }

  /** The CRC of an application's state after `position` operations of a correct replica. */
  state(replica: string, position: number, crc: number): void {
    const known = this.#states.get(position);
    if (known === undefined) this.#states.set(position, crc);
    else if (known !== crc) this.#fail(`agreement: ${replica}'s state ${position} differs`);
  }

  /** A client of ours accepted a result. */
  accept(client: string, issued: Issued, answer: Bytes): void {
    const input = new Reader(answer);
    const position = input.u53();
    const result = input.bytes(input.remaining);
    const entry = this.canonical[position];
    if (input.ok && entry === undefined && this.#rules.speculates) {
      this.#promise(position, { client, op: issued.op, result: answer });
    } else if (!input.ok || entry === undefined) {
      this.#fail(`client agreement: ${client} accepted a result that no correct replica gave`);
    } else if (!equal(entry.op, issued.op) || !equal(entry.result, answer)) {
      const what = `${describe(issued.op)} at ${position}, where ${describe(entry.op)} is`;
      this.#fail(`client agreement: ${client} accepted a wrong result for ${what}`);
    }
    issued.position = this.#first + position;
    issued.result = result;
  }

  #promise(position: number, promised: Promised): void {
    const before = this.#promised.get(position);
    this.#promised.set(position, before ?? promised);
    if (before === undefined) return;
    if (equal(before.op, promised.op) && equal(before.result, promised.result)) return;
    const both = [before, promised].map(({ client, op }) => `${client} ${describe(op)}`);
    this.#fail(`client agreement: at ${position} ${both.join(" and ")} were accepted`);
  }

  /** A client of ours believes the session to be its own. */
  openedBy(client: string, session: number): void {
    const owner = this.#sessions.get(session) ?? client;
    this.#sessions.set(session, owner);
    if (owner === client) return;
    this.#fail(`client agreement: ${client} and ${owner} both opened session ${session}`);
  }
}

/** Tells states apart that have equal positions. */
function crcOf(state: State): number {
  let crc = state.count;
  for (let i = 0; i < state.count; i++) {
    for (const bytes of state.part(i)) crc = hashBytes(crc, bytes);
  }
  return crc;
}

/** Names an operation in a message. */
export function describe(op: Bytes): string {
  const key = stampOf(op);
  if (key < 0) return `an operation without a stamp (${op.length} bytes)`;
  return `c${Math.floor(key / 2 ** 32)}#${key % 2 ** 32}`;
}

const JOURNAL_PARTS = 20;
const OWN_PARTS = 1 + JOURNAL_PARTS;
const NO_JOURNAL: readonly number[] = new Array<number>(JOURNAL_PARTS).fill(0);

function journalPart(hash = 0): Bytes {
  return bytesOf((out) => out.u32(hash >>> 0));
}

/** Whether the journal is that after the first operations. */
function equalJournals(journal: readonly number[], ledger: Ledger, position: number): boolean {
  const hashes = [...NO_JOURNAL];
  for (const [i, { op }] of ledger.canonical.slice(0, position).entries()) {
    const at = i % JOURNAL_PARTS;
    hashes[at] = hashBytes(hashes[at] ?? 0, op);
  }
  return hashes.every((hash, at) => hash === journal[at]);
}

/**
 * No violation: a replica that lags may adopt an old view without the operation, on its way to one
 * that has it.
 */
const PROMISED_UNDONE = "judge: a replica rolls back what a client accepted";

/** An App whose results begin with the position that they were executed at. */
export class JudgedApp implements App {
  readonly #name: string;
  readonly #inner: App;
  /** null: the replica is Byzantine, nobody judges it. */
  #ledger: Ledger | null;
  readonly #fail: (what: string) => void;
  #position = 0;
  #hash = 0;
  /** Hashes of the operations whose positions have each remainder: parts, as large states have. */
  #journal: readonly number[] = NO_JOURNAL;
  /** Those of them that changed since the last snapshot. */
  readonly #written = new Set<number>(NO_JOURNAL.keys());
  /** Executed and not committed. */
  #pending: {
    readonly op: Bytes;
    readonly result: Bytes;
    readonly hash: number;
    readonly journal: readonly number[];
  }[] = [];
  /** Of snapshots after positions that are not committed, lowest first. */
  #unsettled: { readonly position: number; readonly crc: number }[] = [];

  constructor(name: string, inner: App, ledger: Ledger | null, fail: (what: string) => void) {
    this.#name = name;
    this.#inner = inner;
    this.#ledger = ledger;
    this.#fail = fail;
  }

  /** Its replica is Byzantine from now on. */
  disown(): void {
    this.#ledger = null;
  }

  /** Operations executed, and those of them that are permanent. */
  get position(): number {
    return this.#position;
  }
  get committed(): number {
    return this.#position - this.#pending.length;
  }

  execute(op: Bytes): Bytes {
    const position = this.#position++;
    const key = stampOf(op);
    const inner = this.#inner.execute(key < 0 ? op : op.subarray(STAMP_LENGTH));
    const result = bytesOf((out) => {
      out.u53(position);
      out.bytes(inner);
    });
    this.#ledger?.executed(op);
    this.#pending.push({ op, result, hash: this.#hash, journal: this.#journal });
    this.#hash = hashBytes(hashBytes(this.#hash, op), result);
    const at = position % JOURNAL_PARTS;
    this.#journal = this.#journal.with(at, hashBytes(this.#journal[at] ?? 0, op));
    this.#written.add(at);
    return result;
  }

  /** The first parts are the judge's own. */
  snapshot(): Snapshot {
    const inner = this.#inner.snapshot();
    if (this.#ledger !== null) {
      this.#unsettled.push({ position: this.#position, crc: crcOf(inner) });
      this.#settleStates(this.#ledger);
    }
    const head = bytesOf((out) => {
      out.u53(this.#position);
      out.u32(this.#hash >>> 0);
    });
    const journal = this.#journal;
    const changed = [0, ...[...this.#written].map((at) => at + 1)];
    for (const index of inner.changed) changed.push(index + OWN_PARTS);
    this.#written.clear();
    return {
      count: OWN_PARTS + inner.count,
      changed: new Set(changed),
      part: (index) => {
        if (index >= OWN_PARTS) return inner.part(index - OWN_PARTS);
        return [index === 0 ? head : journalPart(journal[index - 1])];
      },
    };
  }

  restore(state: State, changed: Iterable<number>): void {
    const inner: State = {
      count: state.count - OWN_PARTS,
      part: (index) => state.part(index + OWN_PARTS),
    };
    const [head = EMPTY] = state.part(0);
    const input = new Reader(head);
    const position = input.u53();
    const hash = input.u32() | 0;
    if (!input.done) {
      this.#violation(`agreement: ${this.#name} restored a malformed snapshot`);
      return;
    }
    const journal = NO_JOURNAL.map((_, at) => new Reader(state.part(at + 1)[0] ?? EMPTY).u32() | 0);
    const ledger = this.#ledger;
    if (ledger !== null) {
      const known = position <= ledger.canonical.length && equalJournals(journal, ledger, position);
      if (!known || ledger.hashAt(position) !== hash) {
        this.#violation(`agreement: ${this.#name} restored a state ${position} that never was`);
      }
      ledger.state(this.#name, position, crcOf(inner));
      if (position < this.committed)
        this.#violation(`monotone: ${this.#name} went back to ${position}`);
    }
    const others = [...changed].filter((index) => index >= OWN_PARTS);
    this.#inner.restore(
      inner,
      others.map((index) => index - OWN_PARTS),
    );
    this.#position = position;
    this.#hash = hash;
    this.#journal = journal;
    this.#written.clear();
    this.#pending = [];
    this.#unsettled = [];
  }

  rollback(count: number): void {
    if (count > this.#pending.length) {
      this.#violation(`agreement: ${this.#name} rolled back what it had committed`);
      return;
    }
    const undone = this.#pending.splice(this.#pending.length - count);
    this.#inner.rollback(count);
    this.#position -= count;
    this.#hash = undone[0]?.hash ?? this.#hash;
    this.#journal = undone[0]?.journal ?? this.#journal;
    for (let i = 0; i < undone.length; i++) {
      this.#written.add((this.#position + i) % JOURNAL_PARTS);
      if (this.#ledger?.isPromised(this.#position + i) === true) coverageMark(PROMISED_UNDONE);
    }
    this.#unsettled = this.#unsettled.filter(({ position }) => position <= this.#position);
  }

  commit(count: number): void {
    if (count > this.#pending.length) {
      this.#violation(`agreement: ${this.#name} committed what it had not executed`);
      return;
    }
    const first = this.committed;
    this.#inner.commit(count);
    for (const [i, { op, result }] of this.#pending.splice(0, count).entries()) {
      this.#ledger?.settle(this.#name, first + i, op, result);
    }
    if (this.#ledger !== null) this.#settleStates(this.#ledger);
  }

  /** Compares the states after positions that are committed with those of others. */
  #settleStates(ledger: Ledger): void {
    while ((this.#unsettled[0]?.position ?? Infinity) <= this.committed) {
      const state = this.#unsettled.shift();
      if (state !== undefined) ledger.state(this.#name, state.position, state.crc);
    }
  }

  #violation(what: string): void {
    if (this.#ledger !== null) this.#fail(what);
  }
}
