// Zyzzyva's messages, whose wire form is in message-codec.ts.

import type { Bytes, Sealed, Signer } from "../../actor.ts";
import type { Batch } from "../kit/batch.ts";
import type { CommonMessage, StableCheckpoint } from "../kit/messages.ts";
import type { AnswerMessage } from "../kit/recovery.ts";
import type { Outcome } from "../kit/request.ts";
import type {
  CommitCertificate,
  CommitClaim,
  CommittedCertificate,
  Named,
  Point,
  PointVote,
  ViewCertificate,
  ViewChangeHeader,
} from "./certificate.ts";

/** Assigns a slot to a batch, and says which history ends there. */
export interface OrderReqMessage extends Sealed, Point {
  readonly kind: "orderReq";
  readonly replica: Signer;
  readonly digest: Bytes;
  readonly batch: Batch;
}

/** The outcome of a request that may still be undone; null: other replicas give it. */
export interface SpecReplyMessage extends Sealed, Point, Named {
  readonly kind: "specReply";
  readonly replica: Signer;
  readonly outcome: Outcome | null;
}

/** From a client, unsigned: a quorum executed its request alike. */
export interface CommitMessage extends Sealed, CommitClaim {
  readonly kind: "commit";
}

export interface HistoryMessage extends PointVote {
  readonly kind: "history";
}
export interface LocalCommitMessage extends PointVote {
  readonly kind: "localCommit";
}
export interface ViewConfirmMessage extends PointVote {
  readonly kind: "viewConfirm";
}

/** Asks for the ORDER-REQs of these slots. */
export interface FillHoleMessage extends Sealed {
  readonly kind: "fillHole";
  readonly view: number;
  readonly first: number;
  readonly last: number;
}

/** One of two ORDER-REQs of one slot, without its batch. */
export interface Order {
  readonly digest: Bytes;
  readonly history: Bytes;
  readonly block: Bytes;
}

/** Proof of misbehaviour: a primary ordered two things in one slot and view. */
export interface PomMessage extends Sealed {
  readonly kind: "pom";
  readonly primary: Signer;
  readonly view: number;
  readonly slot: number;
  readonly orders: readonly [Order, Order];
}

/** "I hate the primary." */
export interface HateMessage extends Sealed {
  readonly kind: "hate";
  readonly replica: Signer;
  readonly view: number;
}

/** A stable checkpoint, and what its digest is of, which begins with the history there. */
export interface ShownCheckpoint {
  readonly stable: StableCheckpoint;
  readonly record: Bytes;
}

/** What a replica knows of the last view that it was active in. */
export interface Report {
  readonly entered: ViewCertificate;
  /** The longest of that view. */
  readonly certificate: CommitCertificate | null;
  /** Of the batches in the slots after the checkpoint. */
  readonly digests: readonly Bytes[];
}

export interface ViewChangeBody extends ShownCheckpoint {
  /** null: it knows of no view, because it lost its memory. */
  readonly report: Report | null;
}

export interface ViewChangeMessage extends Sealed, ViewChangeBody {
  readonly kind: "viewChange";
  readonly replica: Signer;
  readonly view: number;
  /** The body's canonical form, and its digest, which is what is signed. */
  readonly body: Bytes;
  readonly digest: Bytes;
}

/** Names a VIEW-CHANGE of the view in question. */
export interface ViewChangeName {
  readonly replica: Signer;
  readonly digest: Bytes;
}

/** The history that the view is to begin with, and the VIEW-CHANGEs that it follows from. */
export interface NewViewMessage extends Sealed, Point {
  readonly kind: "newView";
  readonly replica: Signer;
  readonly viewChanges: readonly ViewChangeName[];
}

/** Proof that a view has begun. */
export interface EnteredMessage extends Sealed {
  readonly kind: "entered";
  readonly certificate: ViewCertificate;
}

/** Proof that a history is committed, with the digests of its last batches. */
export interface CommittedMessage extends Sealed {
  readonly kind: "committed";
  readonly certificate: CommittedCertificate;
  readonly digests: readonly Bytes[];
}

export interface FetchViewChangeMessage extends Sealed {
  readonly kind: "fetchViewChange";
  readonly view: number;
  readonly replica: Signer;
  readonly digest: Bytes;
}

export interface FetchBatchMessage extends Sealed {
  readonly kind: "fetchBatch";
  readonly digest: Bytes;
}

export interface BatchMessage extends Sealed {
  readonly kind: "batch";
  readonly batch: Batch;
}

/** Where the sender is: replicas that are further send what it lacks. */
export interface StatusMessage extends Sealed {
  readonly kind: "status";
  readonly view: number;
  /** Whether it is in that view, or on the way to it. */
  readonly active: boolean;
  readonly stable: number;
  readonly executed: number;
  readonly committed: number;
}

/** Where a running replica is, for one that recovers. */
export interface Position {
  readonly view: number;
  readonly stable: StableCheckpoint;
  /** That view - 1 or a later one has begun, or VIEW-CHANGEs of f + 1 replicas for those. */
  readonly entered: ViewCertificate | null;
  readonly proof: readonly ViewChangeHeader[];
}

/** A replica that has recovered speaks in later views only, and asks for one. */
export interface RecoveredMessage extends Sealed {
  readonly kind: "recovered";
  readonly replica: Signer;
  readonly view: number;
  readonly stable: StableCheckpoint;
}

export type OwnMessage =
  | OrderReqMessage
  | SpecReplyMessage
  | CommitMessage
  | HistoryMessage
  | LocalCommitMessage
  | ViewConfirmMessage
  | FillHoleMessage
  | PomMessage
  | HateMessage
  | ViewChangeMessage
  | NewViewMessage
  | EnteredMessage
  | CommittedMessage
  | FetchViewChangeMessage
  | FetchBatchMessage
  | BatchMessage
  | StatusMessage
  | AnswerMessage<Position>
  | RecoveredMessage;
export type Message = CommonMessage | OwnMessage;
