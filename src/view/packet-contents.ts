// What packets say, for a page: fields as text, signers, and which operations of clients each is
// about. A vote names its slot or a digest, a reply its session and number; what these stand for is
// known from the messages that carry the operations themselves.

import type { AnyProtocol, Bytes, Sealed } from "../actor.ts";
import { NAMED } from "../base/body-form.ts";
import { digestOf } from "../protocol/kit/digest.ts";
import { readNamed, wholeOf } from "../protocol/kit/named-message.ts";
import { describe, stampOf, stampsIn } from "../simulation/judge.ts";
import { PacketContent, unreadOf, wireBook } from "../simulation/packet-content.ts";
import type { Packet } from "../simulation/simulated-packet.ts";
import { latin1, Reader } from "../wire.ts";
import type { ContentData } from "./run-data.ts";

/** The kind of what is no whole message. */
const PART = "part";
const ROWS_MAX = 48;
const ITEMS_MAX = 6;
const HEX_MAX = 8;
/** What a message without its bodies says of itself. */
const NAMED_TEXT = "named by digest";
const DIGEST_LENGTH = 32;
/** Fields below these speak of other proposals than the message's own. */
const OF_OTHERS = /^(?:justify|highQc|qc|tc|polc|parent|prepared|stable|certificate|vector)$/;
const NAMES_PROPOSAL = /^(?:digest|hash|block)$/;

type Draft = Omit<ContentData, "about"> & {
  /** Operations that it carries, by stamp. */
  readonly stamps: readonly number[];
  /** What it defines, and what it refers to, for messages that carry none. */
  readonly keys: readonly string[];
  /** Session and number of requests that it carries, with their stamps. */
  readonly requests: readonly (readonly [key: string, stamp: number])[];
};

export class PacketContents {
  readonly kinds: string[] = [];
  readonly #protocol: AnyProtocol;
  readonly #replicas: (signer: number) => string;
  readonly #drafts: Draft[] = [];
  readonly #indexes = new Map<PacketContent, number>();
  /** Those of requests, by digest, because later messages name them. */
  readonly #bodies = new Map<string, Bytes>();

  constructor(protocol: AnyProtocol, replicas: (signer: number) => string) {
    this.#protocol = protocol;
    this.#replicas = replicas;
  }

  /** The index of what the packet says. */
  of({ content, part }: Packet): number {
    const known = this.#indexes.get(content);
    if (known !== undefined) return known;
    const index = this.#drafts.length;
    this.#drafts.push(part ? this.#unread(content, PART) : this.#draft(content));
    this.#indexes.set(content, index);
    return index;
  }

  /** Keeps the body of a request: packets may have it in parts. */
  sends(message: Sealed): void {
    const body = this.#protocol.codec.bodyIn?.(message) ?? null;
    if (body !== null) this.#bodies.set(latin1(digestOf(body)), body);
  }

  isPart(index: number): boolean {
    return this.kinds[this.#drafts[index]?.kind ?? -1] === PART;
  }

  /** All of them; `operationOf` finds an operation by its stamp, -1 if it is none of a client's. */
  finish(operationOf: (stamp: number) => number): ContentData[] {
    const defined = new Map<string, number[]>();
    const requested = new Map<string, number>();
    for (const { stamps, keys, requests } of this.#drafts) {
      if (stamps.length === 0) continue;
      for (const key of keys) defined.set(key, [...(defined.get(key) ?? []), ...stamps]);
      for (const [key, stamp] of requests) requested.set(key, stamp);
    }
    return this.#drafts.map(({ stamps, keys, requests, ...content }) => {
      const answered = requests.flatMap(([key]) => requested.get(key) ?? []);
      const named = stamps.length > 0 ? stamps : keys.flatMap((key) => defined.get(key) ?? []);
      const found = [...named, ...answered].map(operationOf).filter((index) => index >= 0);
      return { ...content, about: [...new Set(found)] };
    });
  }

  #draft(content: PacketContent): Draft {
    const whole = content.bytes[0] === NAMED ? this.#wholeOf(content) : content;
    const message = whole?.read(this.#protocol) ?? null;
    if (whole === null || message === null) return this.#unread(content, unreadOf(content));
    const fields: [string, string][] = whole === content ? [] : [["operations", NAMED_TEXT]];
    const stamps = stampsIn(whole.bytes);
    const record = message as unknown as Fields;
    for (const [name, value] of Object.entries(record)) {
      if (name !== "kind" && name !== "seal") flatten(name, value, fields);
    }
    const proofs = whole.proofs ?? this.#protocol.codec.proofs(message);
    const signers = [...new Set(proofs.map(({ signer }) => this.#replicas(signer)))];
    const inner = isFields(record["block"]) ? record["block"] : {};
    const view = numberOf(record["view"] ?? inner["view"] ?? record["round"]);
    const slot = numberOf(record["slot"] ?? record["height"] ?? inner["height"]);
    return {
      ...{ size: content.bytes.length, fields, stamps },
      kind: this.#kind(String(record["kind"] ?? "message")),
      ...{ view, slot, signers },
      keys: keysOf(record, stamps.length > 0),
      requests: requestsOf(record),
    };
  }

  #unread(content: PacketContent, name: string): Draft {
    const { bytes } = content;
    const base = { size: bytes.length, fields: [], stamps: stampsIn(bytes) };
    const kind = this.#kind(name);
    return { ...base, kind, view: -1, slot: -1, signers: [], keys: [], requests: [] };
  }

  /** The message with the bodies that it names; null if it is malformed, or they are nobody's. */
  #wholeOf({ bytes }: PacketContent): PacketContent | null {
    const named = readNamed(new Reader(bytes, wireBook).reset(1, bytes.length));
    const found = named?.bodies.map(({ key }) => this.#bodies.get(key)) ?? [];
    if (named === null || !found.every((body) => body !== undefined)) return null;
    return new PacketContent(wholeOf(named, found));
  }

  #kind(name: string): number {
    const at = this.kinds.indexOf(name);
    return at < 0 ? this.kinds.push(name) - 1 : at;
  }
}

interface Fields {
  readonly [name: string]: unknown;
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !(value instanceof Uint8Array);
}

function numberOf(value: unknown): number {
  return typeof value === "number" ? value : -1;
}

/** Digests of the proposal that it makes or votes on; without one its view and slot. */
function keysOf(record: Fields, carries: boolean): string[] {
  const keys: string[] = [];
  collectDigests(record, carries ? 3 : 1, keys);
  if (keys.length > 0 && !carries) return keys;
  const { view, slot, height, round } = record;
  if (typeof view === "number" && typeof slot === "number") keys.push(`slot ${view} ${slot}`);
  if (typeof height === "number" && typeof round === "number") keys.push(`at ${height} ${round}`);
  return keys;
}

function collectDigests(record: Fields, depth: number, keys: string[]): void {
  for (const [name, value] of Object.entries(record)) {
    if (value instanceof Uint8Array) {
      if (NAMES_PROPOSAL.test(name) && value.length === DIGEST_LENGTH) {
        keys.push(Buffer.from(value).toString("hex"));
      }
    } else if (depth > 1 && isFields(value) && !OF_OTHERS.test(name)) {
      collectDigests(value, depth - 1, keys);
    }
  }
}

/** Session and number of all requests inside, and of the one that it answers itself. */
function requestsOf(record: Fields): [string, number][] {
  const found: [string, number][] = [];
  const visit = (value: unknown, depth: number): void => {
    if (!isFields(value) || depth < 0) return;
    const { session, tag, number, op } = value;
    if (typeof session === "number" && typeof number === "number" && number > 0) {
      const stamp = op instanceof Uint8Array ? stampOf(op) : -1;
      if (stamp >= 0 || value === record)
        found.push([`${session} ${String(tag)} ${number}`, stamp]);
    }
    for (const inner of Object.values(value)) visit(inner, depth - 1);
  };
  visit(record, 4);
  return found;
}

/** Adds rows for the value, those of a large one shortened. */
function flatten(path: string, value: unknown, rows: [string, string][]): void {
  if (rows.length >= ROWS_MAX) {
    if (rows.length === ROWS_MAX) rows.push(["…", "more fields than a page shows"]);
    return;
  }
  if (value instanceof Uint8Array) rows.push([path, bytesText(value)]);
  else if (Array.isArray(value)) flattenList(path, value, rows);
  else if (isFields(value)) {
    for (const [name, inner] of Object.entries(value)) {
      if (name !== "seal") flatten(`${path}.${name}`, inner, rows);
    }
  } else rows.push([path, value === null ? "none" : String(value)]);
}

function flattenList(path: string, list: readonly unknown[], rows: [string, string][]): void {
  if (list.every((item) => !isFields(item))) {
    const shown = list.slice(0, 4 * ITEMS_MAX);
    const texts = shown.map((item) =>
      item instanceof Uint8Array ? bytesText(item) : String(item),
    );
    const more = list.length > shown.length ? `, … (${list.length})` : "";
    rows.push([path, list.length === 0 ? "empty" : `${texts.join(", ")}${more}`]);
    return;
  }
  for (const [i, item] of list.slice(0, ITEMS_MAX).entries()) flatten(`${path}[${i}]`, item, rows);
  if (list.length > ITEMS_MAX) rows.push([`${path}[…]`, `${list.length} in all`]);
}

function bytesText(bytes: Uint8Array): string {
  if (bytes.length === 0) return "empty";
  const stamped = stampOf(bytes) >= 0 ? `${describe(bytes)}: ` : "";
  const hex = Buffer.from(bytes.subarray(0, HEX_MAX)).toString("hex");
  if (stamped !== "") return `${stamped}${bytes.length} bytes`;
  return bytes.length > HEX_MAX ? `${hex}… (${bytes.length} bytes)` : hex;
}
