// What a protocol is written against: interfaces, small enough to read on one screen.

import type { BodyPlace } from "./base/body-form.ts";
import type { Snapshot, State } from "./base/parts.ts";
import type { ProtocolConfig, ProtocolOption, Usual, UsualOption } from "./protocol-config.ts";
import type { SimulationHints, TimingHints } from "./protocol-hints.ts";
import type { Address, Bytes, Proof, Reader, Signer, Writer } from "./wire.ts";

export type { Part, Snapshot, State } from "./base/parts.ts";
export type { Address, Bytes, Proof, Signer } from "./wire.ts";

/**
 * `"all"` is every replica, the sender included (by loopback, in a later turn); `"others"` leaves
 * it out.
 */
export type Target = Address | "all" | "others";

/** Why an actor drops a message; a literal, so that counting allocates nothing. */
export type Refusal = `not admitted: ${string}`;

/** What is known here suffices: the message is passed on without its certificate, unchecked. */
export const UNNEEDED = "unneeded";
/** Whether a message is checked (null), passed on without its certificate, or dropped. */
export type Admission = Refusal | typeof UNNEEDED | null;

/**
 * A protocol's replica or client. Runs each call to completion, never awaits, knows only its Host
 * and App.
 */
export interface Actor<M, T extends string> {
  /**
   * Called only with messages all of whose signatures hold, or that are without them because the
   * actor needs none (`refuse`), in order of arrival for each sender.
   */
  receive(from: Address, message: M): void;
  timeout(timer: T): void;
  /**
   * Read-only, asked with a message's bytes before they are decoded, of one of several packets with
   * those of the first before it is put together: null lets the message of so many bytes through, a
   * reason drops it. For the many that come too late to matter; `refuse` and `receive` repeat its
   * conditions.
   */
  refuseBytes?(from: Address, input: Reader, bytes: number): Refusal | null;
  /**
   * Read-only, asked before signatures are checked and again when a check is about to start: null
   * has them checked, UNNEEDED passes the message on as its codec makes it `bare`, a reason drops
   * it. `receive` repeats its conditions.
   */
  refuse?(from: Address, message: M): Admission;
}

export interface Replica<M, T extends string> extends Actor<M, T> {
  census(): Census;
  /** Every certificate that it holds; for the simulator. */
  certificates?(): Iterable<HeldCertificate>;
  /**
   * Throws AssertionError when the replica's own fields contradict each other; the simulator calls
   * it after each receive and timeout.
   */
  assertInvariants?(): void;
}

/** A certificate, which no actor writes to, with the proofs that convince any other process. */
export interface HeldCertificate {
  readonly certificate: object;
  proofs(): readonly Proof[];
}

export interface Client<M, T extends string> extends Actor<M, T> {
  /**
   * One operation at a time. `done` gets the result, or null when that was dropped, or the session
   * was lost; then the operation may have been executed or not.
   */
  invoke(op: Bytes, done: (result: Bytes | null) => void): void;
  readonly retransmissions: number;
  /**
   * Of a protocol with a fast path: operations that completed, and those of them that did by it,
   * because all replicas answered alike.
   */
  readonly fastPath?: { readonly operations: number; readonly fast: number };
  /** The session that it has, or 0, which is no other client's; for the simulator. */
  readonly session?: number;
}

/**
 * starting: it is in no run yet, the others are asked; recovering: it has lost its memory of the
 * run; running: it has its memory, or needs none; over: its run has ended, or nobody is heard of
 * it, so that its process starts it anew, with nothing.
 */
export type Phase = "starting" | "recovering" | "running" | "over";

/**
 * What a replica says about itself when asked: for checkers and statistics, never on a hot path.
 */
export interface Census {
  readonly view: number;
  /** Highest slot or block height known to be committed. */
  readonly committed: number;
  /**
   * Operations of clients executed for good, whether here or inside a snapshot that was installed.
   */
  readonly executed: number;
  /** Of a protocol that speculates: operations executed that may be undone. It may fall. */
  readonly speculated?: number;
  /** How far its start is: only a replica that runs takes part. */
  readonly phase: Phase;
  /** Whether it runs because it recovered; if not, it began with all the others. */
  readonly recovered?: boolean;
  /** The name of the run that it is in, 32 bytes, if runs have names; and that which ended it. */
  readonly run?: Bytes;
  readonly endedBy?: Bytes;
  /** Replicas without whose answers its start does not go on. */
  readonly waitsFor?: readonly Signer[];
  /** Bytes of states that others sent, where states are fetched. */
  readonly fetchedBytes?: number;
  /** What the view timer would be set to now, in milliseconds; 0 without one. */
  readonly viewTimerMs: number;
  readonly sizes: Sizes;
}

/** Maps, queues and windows, each with its declared maximum. */
export type Sizes = readonly {
  readonly name: string;
  readonly size: number;
  readonly max: number;
}[];

/** All that an actor can observe or cause. */
export interface Host<M, T extends string> {
  /** Milliseconds since the node started, the same value throughout one turn. */
  readonly now: number;
  /** A uniform integer in [0, bound), 0 < bound <= 2^48. */
  random(bound: number): number;
  /**
   * A signed message leaves, and loops back, once it is signed; messages leave in the order of
   * `send`.
   */
  send(to: Target, message: M): void;
  /**
   * Arms the timer, or re-arms it if it is set. `now` may be below the sum of times that was meant
   * when it goes off, by a rounding error.
   */
  setTimer(timer: T, delayMs: number): void;
  clearTimer(timer: T): void;
  /**
   * The host that an address is at, the same 32 bits in every process; 0 for an address that was
   * forgotten.
   */
  sourceOf(address: Address): number;
  /** Counts a message that a handler drops, by its reason. */
  drop(reason: Refusal): void;
  /** The key by which this process signs requests, 33 bytes; null: it signs none. */
  readonly clientKey?: Bytes | null;
  /**
   * From here on what is signed, and what is checked, is of the run of this name, 32 bytes, but for
   * kinds of messages that are signed for the cluster (RUNLESS_KINDS_START); null: of no run.
   */
  enterRun(name: Bytes | null): void;
}

/** The wire form of M. Pure. */
export interface Codec<M> {
  encode(message: M, out: Writer): void;
  /** null when malformed; never throws; copies what it keeps. */
  decode(input: Reader): M | null;
  /**
   * Every signature in the message, its own seal first; NO_PROOFS if there are none. Where clients
   * sign requests (`signs`) those of all requests in it come last.
   */
  proofs(message: M, signs?: boolean): readonly Proof[];
  /**
   * The message without what its signatures prove, so that nobody can use what was not checked; of
   * kinds of which an actor says UNNEEDED.
   */
  bare?(message: M): M;
  /** The operation in a client's request, if it may travel apart from proposals. */
  bodyIn?(message: M): Bytes | null;
  /**
   * The first bytes of those messages that others than replicas send; what begins otherwise and
   * does not come from a replica's address is dropped unread. Without it anybody may send anything.
   */
  readonly openKinds?: ReadonlySet<number>;
}

/**
 * Where large operations, bodies, travel apart from proposals: what a replica's Node asks on the
 * way out and in, so that its actor knows of whole messages only.
 */
export interface Bodies {
  readonly sizes: Sizes;
  /**
   * What goes to all in the place of a message with bodies in these places, behind the byte that
   * says so (body-form.ts); null: the message itself.
   */
  name(whole: Bytes, places: readonly BodyPlace[]): Bytes | null;
  /** A request that the actor got has this body; its sender is at that host. */
  hear(body: Bytes, source: number): void;
  /** Takes a message that is about bodies; the reader is valid during the call only. */
  take(from: Address, input: Reader): void;
  timeout(): void;
  /** Forgets all; its timer is cancelled. */
  clear(): void;
}

/** What it may do. */
export interface BodiesHost {
  /** As of Host, but not from the node's start on. */
  readonly now: number;
  setTimer(delayMs: number): void;
  /** Sends what is written, unsigned. */
  send(to: Address, write: (out: Writer) => void): void;
  /** Goes on with a message that is whole now. */
  deliver(from: Address, message: Reader): void;
  drop(reason: string): void;
}

export type BodiesMaker = (host: BodiesHost) => Bodies;

export const NO_PROOFS: readonly Proof[] = [];

/** A message that its sender signs has a seal; without one the Node signs it on the way out. */
export interface Sealed {
  readonly seal?: Proof | undefined;
}

/**
 * A process that is neither replica nor client, such as a sequencer. It has an address that all
 * know (`ProtocolConfig.roles`), signs nothing and has no part in quorums.
 */
export interface RoleActor<M, T extends string> extends Actor<M, T> {
  census(): RoleCensus;
  /** As for a replica. */
  assertInvariants?(): void;
}

/** As of a replica. */
export interface RoleCensus {
  readonly sizes: Sizes;
  /** Whether it does its work, if others have to tell it to begin: a sequencer is open. */
  readonly serves?: boolean;
}

/** Makes process `index` of a role. */
export type RoleFactory<M, T extends string> = (
  index: number,
  config: ProtocolConfig,
  host: Host<M, T>,
) => RoleActor<M, T>;

/** How many replicas it takes. */
export interface Quorums {
  readonly n: number;
  /** Replicas that may be faulty. */
  readonly f: number;
  /** Any two sets of this size share a replica that is not faulty: one of them decides. */
  readonly quorum: number;
  /** At least one of so many that say the same is right. */
  readonly weak: number;
}

export interface Protocol<M, T extends string> {
  readonly codec: Codec<M>;
  /** Whether replicas sign, so that the configuration must have their keys. */
  readonly signed: boolean;
  /**
   * What a faulty replica may do: stop and start empty, or anything. None: no number of replicas
   * tolerates a fault.
   */
  readonly faults: "none" | "crash" | "byzantine";
  /** The quorums of n replicas of which f may be faulty; null if n are too few for that. */
  quorums(n: number, f: number): Quorums | null;
  /** Options of the command line that are its own, by name. */
  readonly options?: ReadonlyMap<string, ProtocolOption>;
  /** Defaults of its own: what is a slot differs. */
  readonly usual?: Usual;
  /** Whether what completes takes a faster path where no replica is silent. */
  readonly hasFastPath?: boolean;
  /** Those of the usual options that would change nothing here, so that nobody may give them. */
  readonly without?: readonly UsualOption[];
  /**
   * Why no replica can run with such a configuration, in words that name what to change; null if
   * all can. Asked before anything starts.
   */
  refuseConfig?(config: ProtocolConfig): string | null;
  replica(self: Signer, config: ProtocolConfig, host: Host<M, T>, app: App): Replica<M, T>;
  client(config: ProtocolConfig, host: Host<M, T>): Client<M, T>;
  /** Processes beside replicas and clients, by the names of their roles. */
  readonly roles?: ReadonlyMap<string, RoleFactory<M, T>>;
  /**
   * What its sequencers, of the role of that name, may do wrong: stop, and start empty. A cluster
   * may have several, of which one works. Processes of other roles are not to fail.
   */
  readonly sequenced?: "crash";
  /** For the simulator and campaigns. */
  readonly simulation?: SimulationHints<M>;
  /** For the scaling model and trials of real faults. */
  readonly timing?: TimingHints;
}

/** Hides the types of a protocol's messages and timers from those who only pass them on. */
export type AnyProtocol = Protocol<Sealed, string>;

export interface App {
  /**
   * Deterministic; never throws: a malformed operation has an error result. A long operation is a
   * view of its batch, which whoever keeps it, or a view of it, keeps in memory.
   */
  execute(op: Bytes): Bytes;
  /** So many operations like this one are to come first: a hint, which changes no result. */
  expect?(op: Bytes, count: number): void;
  /**
   * The state as it is, canonical: equal states have equal parts whatever their history. The
   * application goes on; until the next snapshot is taken, this one gives what changed as it was.
   */
  snapshot(): Snapshot;
  /**
   * Becomes this state, which was checked. Parts that are not in `changed` are as the application
   * has them; it has none beyond the count. The next snapshot tells what changed from here on.
   */
  restore(state: State, changed: Iterable<number>): void;
  /** Undoes the last `count` operations that were not committed; for speculative protocols. */
  rollback(count: number): void;
  /** Makes the first `count` operations that can still be undone permanent. */
  commit(count: number): void;
}
