// Messages that replicated protocols share, and their wire form. Their kinds are below
// PROTOCOL_KINDS, so that each protocol numbers its own from there.

import type { Address, Bytes, Proof, Sealed, Signer } from "../../actor.ts";
import {
  bytesOf,
  RUNLESS_KINDS_END,
  RUNLESS_KINDS_START,
  type Reader,
  type Writer,
} from "../../wire.ts";
import { assert } from "../../base/assert.ts";
import { DIGEST_LENGTH } from "./digest.ts";
import { decodeNaming, encodeNaming, isNaming, type NamingMessage } from "./naming-messages.ts";
import {
  certificateProofs,
  decodeCertificate,
  encodeCertificate,
  type Certificate,
} from "./quorum.ts";
import {
  decodeSignedRequest,
  encodeSignedRequest,
  SIGNED_RELAY,
  SIGNED_REQUEST,
} from "./request-auth.ts";
import {
  decodeLoneRequest,
  decodeTold,
  encodeLoneRequest,
  encodeTold,
  isOpen,
  type Request,
  type Told,
} from "./request.ts";

/** The first kind byte that a protocol may use for messages of its own. */
export const PROTOCOL_KINDS = RUNLESS_KINDS_END;

export const REQUEST = 1;
const RELAY = 2;
const REPLY = 3;
const CHECKPOINT = 4;
const STABLE = 5;
const FETCH_STATE = 6;
const STATE = 7;
const RECOVER = 8;
// Behind those of naming-messages.ts.
const OPENED = RUNLESS_KINDS_START + 6;
const GONE = RUNLESS_KINDS_START + 7;

/** The longest piece of a state that is accepted. */
const STATE_BYTES_MAX = 3 * 1024 * 1024;
/** Pieces of a state that are asked for, or sent, at once. */
export const PIECES_MAX = 16;
/** Bytes of the nonce of a recovery. */
export const RECOVERY_NONCE_LENGTH = 16;
/** Bytes of a message from which on it is looked at before it is decoded. */
export const LARGE_MESSAGE = 65_536;

/** From a client, unsigned unless clients sign. Its address is where it came from. */
export interface RequestMessage extends Sealed {
  readonly kind: "request";
  readonly request: Request;
}

/** A client's request from one replica to another. */
export interface RelayMessage extends Sealed {
  readonly kind: "relay";
  readonly client: Address;
  readonly request: Request;
}

/** The answer to (session, tag, number) with the operation of this digest. */
export interface ReplyMessage extends Sealed {
  readonly kind: "reply";
  readonly replica: Signer;
  readonly view: number;
  readonly session: number;
  readonly tag: number;
  readonly number: number;
  /** Of the operation. */
  readonly digest: Bytes;
  readonly outcome: Told;
}

/**
 * The answer to the `open` of this digest: the session that it opened in the run of that name.
 * Signed for the cluster, because its client knows no run yet.
 */
export interface OpenedMessage extends Sealed {
  readonly kind: "opened";
  readonly replica: Signer;
  readonly view: number;
  readonly run: Bytes;
  readonly tag: number;
  readonly session: number;
  /** Of the operation, which is the client's nonce. */
  readonly digest: Bytes;
}

/**
 * The answer to (session, tag, number) with the operation of this digest: there is no such session
 * in the run of that name. Signed for the cluster, because its client may know another run.
 */
export interface GoneMessage extends Sealed {
  readonly kind: "gone";
  readonly replica: Signer;
  readonly view: number;
  readonly run: Bytes;
  readonly session: number;
  readonly tag: number;
  readonly number: number;
  readonly digest: Bytes;
}

/** The replica's state after this slot, or block height, has this digest. */
export interface CheckpointMessage extends Sealed {
  readonly kind: "checkpoint";
  readonly replica: Signer;
  readonly slot: number;
  readonly digest: Bytes;
}

/** A checkpoint that a quorum signed; slot 0, without signatures, is genesis. */
export interface StableCheckpoint {
  readonly slot: number;
  readonly digest: Bytes;
  readonly certificate: Certificate;
}

export interface StableMessage extends Sealed {
  readonly kind: "stable";
  readonly checkpoint: StableCheckpoint;
}

/**
 * A piece of a state: its root (tree 0); of another tree, from 1, the digests of the children of a
 * node above parts (a level above 0), what a part is told by (level 0), or a chunk of one of the
 * byte strings (blob, from 1) that it has.
 */
export interface PieceId {
  readonly tree: number;
  readonly level: number;
  readonly index: number;
  readonly blob: number;
  readonly chunk: number;
}

/** Asks for pieces of the state after this slot. */
export interface FetchStateMessage extends Sealed {
  readonly kind: "fetchState";
  readonly slot: number;
  readonly pieces: readonly PieceId[];
}

/** As many as there is room for of the pieces that were asked for, in their order. */
export interface StateMessage extends Sealed {
  readonly kind: "state";
  readonly slot: number;
  readonly pieces: readonly { readonly id: PieceId; readonly bytes: Bytes }[];
}

/** A replica without its memory asks where the others of its run are. */
export interface RecoverMessage extends Sealed {
  readonly kind: "recover";
  readonly replica: Signer;
  readonly nonce: Bytes;
}

export type CommonMessage =
  | RequestMessage
  | RelayMessage
  | ReplyMessage
  | OpenedMessage
  | GoneMessage
  | NamingMessage
  | CheckpointMessage
  | StableMessage
  | FetchStateMessage
  | StateMessage
  | RecoverMessage;

/** Whether the message is one that protocols share, by its kind. */
export function isCommon(message: { readonly kind: string }): message is CommonMessage {
  switch (message.kind) {
    case "request":
    case "relay":
    case "reply":
    case "opened":
    case "gone":
    case "checkpoint":
    case "stable":
    case "fetchState":
    case "state":
    case "recover":
      return true;
    default:
      return isNaming(message);
  }
}

/** Where nobody signs, `signed` is false and messages have no seals. */
export function encodeCommon(message: CommonMessage, out: Writer, signed = true): void {
  switch (message.kind) {
    case "request":
      if (message.request.key !== undefined) return encodeSignedRequest(message.request, out);
      out.u8(REQUEST);
      encodeLoneRequest(message.request, out);
      return;
    case "relay":
      encodeRelay(message, out);
      return;
    case "reply":
      out.u8(REPLY);
      out.u8(message.replica);
      out.u53(message.view);
      out.u53(message.session);
      out.u32(message.tag);
      out.u53(message.number);
      out.bytes(message.digest);
      encodeTold(message.outcome, out);
      if (signed) out.seal(message.seal);
      return;
    case "opened":
      encodeOpened(message, out, signed);
      return;
    case "gone":
      encodeGone(message, out, signed);
      return;
    case "checkpoint":
      signedCheckpoint(message.replica, message.slot, message.digest, out);
      if (signed) out.seal(message.seal);
      return;
    case "stable":
      out.u8(STABLE);
      encodeStable(message.checkpoint, out);
      return;
    case "fetchState":
      out.u8(FETCH_STATE);
      out.u53(message.slot);
      out.u8(message.pieces.length);
      for (const id of message.pieces) encodePieceId(id, out);
      return;
    case "state":
      out.u8(STATE);
      out.u53(message.slot);
      out.u8(message.pieces.length);
      for (const { id, bytes } of message.pieces) {
        encodePieceId(id, out);
        out.blob(bytes);
      }
      return;
    case "recover":
      out.u8(RECOVER);
      out.u8(message.replica);
      out.bytes(message.nonce);
      if (signed) out.seal(message.seal);
      return;
    default:
      encodeNaming(message, out);
  }
}

/**
 * The message of this kind, the byte of which was read at `start`; poisons the reader if malformed.
 */
export function decodeCommon(
  kind: number,
  input: Reader,
  start: number,
  signed = true,
): CommonMessage | null {
  switch (kind) {
    case REQUEST:
      return { kind: "request", request: decodeLoneRequest(input) };
    case RELAY:
      return { kind: "relay", client: input.address(), request: decodeLoneRequest(input) };
    case SIGNED_REQUEST:
      return { kind: "request", request: decodeSignedRequest(input) };
    case SIGNED_RELAY: {
      const client = input.address();
      if (input.u8() !== SIGNED_REQUEST) input.poison();
      return { kind: "relay", client, request: decodeSignedRequest(input) };
    }
    case REPLY:
      return decodeReply(input, start, signed);
    case OPENED:
      return decodeOpened(input, start, signed);
    case GONE:
      return decodeGone(input, start, signed);
    case CHECKPOINT: {
      const replica = input.u8();
      const slot = input.u53();
      const digest = input.bytes(DIGEST_LENGTH);
      const seal = signed ? input.seal(replica, start) : undefined;
      return { kind: "checkpoint", replica, slot, digest, seal };
    }
    case STABLE:
      return { kind: "stable", checkpoint: decodeStable(input) };
    case FETCH_STATE:
      return {
        kind: "fetchState",
        slot: input.u53(),
        pieces: decodePieces(input, () => decodePieceId(input)),
      };
    case STATE:
      return {
        kind: "state",
        slot: input.u53(),
        pieces: decodePieces(input, () => ({
          id: decodePieceId(input),
          bytes: input.blob(STATE_BYTES_MAX),
        })),
      };
    case RECOVER: {
      const replica = input.u8();
      const nonce = input.bytes(RECOVERY_NONCE_LENGTH);
      const seal = signed ? input.seal(replica, start) : undefined;
      return { kind: "recover", replica, nonce, seal };
    }
    default:
      return decodeNaming(kind, input, start);
  }
}

function encodeRelay({ client, request }: RelayMessage, out: Writer): void {
  const { key, seal } = request;
  out.u8(key === undefined ? RELAY : SIGNED_RELAY);
  out.address(client);
  if (key === undefined) return encodeLoneRequest(request, out);
  assert(seal !== undefined, "only its client signs a request");
  encodeSignedRequest(request, out);
}

/** Whether the bytes begin as an answer to this request does; decodes no more than that. */
export function beginsReplyTo(request: Request, input: Reader): boolean {
  const kind = input.u8();
  input.skip(1 + 8); // replica and view
  if (kind === OPENED) {
    input.skip(DIGEST_LENGTH); // the run
    return isOpen(request) && input.u32() === request.tag && input.ok;
  }
  if (kind === GONE) input.skip(DIGEST_LENGTH);
  else if (kind !== REPLY) return false;
  if (input.u53() !== request.session || input.u32() !== request.tag) return false;
  return input.u53() === request.number && input.ok;
}

function decodeReply(input: Reader, start: number, signed: boolean): ReplyMessage {
  const replica = input.u8();
  const view = input.u53();
  const session = input.u53();
  const tag = input.u32();
  const number = input.u53();
  const digest = input.bytes(DIGEST_LENGTH);
  const outcome = decodeTold(input);
  const seal = signed ? input.seal(replica, start) : undefined;
  return { kind: "reply", replica, view, session, tag, number, digest, outcome, seal };
}

function encodeOpened(message: OpenedMessage, out: Writer, signed: boolean): void {
  out.u8(OPENED);
  out.u8(message.replica);
  out.u53(message.view);
  out.bytes(message.run);
  out.u32(message.tag);
  out.u53(message.session);
  out.bytes(message.digest);
  if (signed) out.seal(message.seal);
}

function decodeOpened(input: Reader, start: number, signed: boolean): OpenedMessage {
  const replica = input.u8();
  const view = input.u53();
  const run = input.bytes(DIGEST_LENGTH);
  const tag = input.u32();
  const session = input.u53();
  // The first position is 1, and 0 in a request means that there is no session.
  if (session === 0) input.poison();
  const digest = input.bytes(DIGEST_LENGTH);
  const seal = signed ? input.seal(replica, start) : undefined;
  return { kind: "opened", replica, view, run, tag, session, digest, seal };
}

function encodeGone(message: GoneMessage, out: Writer, signed: boolean): void {
  out.u8(GONE);
  out.u8(message.replica);
  out.u53(message.view);
  out.bytes(message.run);
  out.u53(message.session);
  out.u32(message.tag);
  out.u53(message.number);
  out.bytes(message.digest);
  if (signed) out.seal(message.seal);
}

function decodeGone(input: Reader, start: number, signed: boolean): GoneMessage {
  const replica = input.u8();
  const view = input.u53();
  const run = input.bytes(DIGEST_LENGTH);
  const session = input.u53();
  const tag = input.u32();
  const number = input.u53();
  const digest = input.bytes(DIGEST_LENGTH);
  const seal = signed ? input.seal(replica, start) : undefined;
  return { kind: "gone", replica, view, run, session, tag, number, digest, seal };
}

function encodePieceId({ tree, level, index, blob, chunk }: PieceId, out: Writer): void {
  out.u8(tree);
  out.u8(level);
  out.u32(index);
  out.u32(blob);
  out.u16(chunk);
}

function decodePieceId(input: Reader): PieceId {
  const tree = input.u8();
  const level = input.u8();
  const index = input.u32();
  return { tree, level, index, blob: input.u32(), chunk: input.u16() };
}

/** One at least; poisons the reader if there are too many. */
function decodePieces<T>(input: Reader, decode: () => T): readonly T[] {
  const count = input.u8();
  if (count === 0 || count > PIECES_MAX) input.poison();
  const pieces: T[] = [];
  while (pieces.length < count && input.ok) pieces.push(decode());
  return pieces;
}

function signedCheckpoint(replica: Signer, slot: number, digest: Bytes, out: Writer): void {
  out.u8(CHECKPOINT);
  out.u8(replica);
  out.u53(slot);
  out.bytes(digest);
}

export function encodeStable(checkpoint: StableCheckpoint, out: Writer): void {
  out.u53(checkpoint.slot);
  out.bytes(checkpoint.digest);
  encodeCertificate(checkpoint.certificate, out);
}

/** Poisons the reader if the checkpoint is malformed. */
export function decodeStable(input: Reader): StableCheckpoint {
  const slot = input.u53();
  const digest = input.bytes(DIGEST_LENGTH);
  return { slot, digest, certificate: decodeCertificate(input) };
}

/** The signatures of a checkpoint, each over the CHECKPOINT that its signer sent. */
export function stableProofs({ slot, digest, certificate }: StableCheckpoint): Proof[] {
  return certificateProofs(certificate, (signer) =>
    bytesOf((out) => signedCheckpoint(signer, slot, digest, out)),
  );
}
