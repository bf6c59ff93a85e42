// How a primary is left: by replicas that hate it (Kotla et al., SOSP '07, section 3.3), and by the
// proof that it ordered two things in one slot (section 3.2, step 4d).

import type { Refusal, Signer, Sizes } from "../../actor.ts";
import { coverageMark } from "../../base/coverage-mark.ts";
import { equal } from "../../wire.ts";
import type { StableCheckpoint } from "../kit/messages.ts";
import type { ViewCertificate } from "./certificate.ts";
import type { ZyzzyvaContext } from "./context.ts";
import type { HateMessage, OrderReqMessage, PomMessage, RecoveredMessage } from "./message.ts";

/** How often a replica that differs is asked for its orders, in view timeouts. */
const COMPARE_PAUSE = 1 / 4;
/**
 * How often one replica's recovery costs a view, in view timeouts: twice as seldom each time, up to
 * the last.
 */
const RECOVERED_FIRST = 10;
const RECOVERED_LAST = 640;

/** What hating asks of its replica. */
export interface HatesOwner {
  readonly views: {
    readonly view: number;
    readonly active: boolean;
    readonly entered: ViewCertificate;
    /** The replicas that are on the way to a later view. */
    leftBy(): readonly Signer[];
    leave(): void;
  };
  readonly start: { readonly mayAttest: boolean };
  readonly sync: { readonly checkpoints: { proven(checkpoint: StableCheckpoint): boolean } };
  readonly catchUp: { wake(): void };
}

export class Hates {
  protected readonly context: ZyzzyvaContext;
  protected readonly owner: HatesOwner;
  /** By replica, its HATE of the latest view. */
  readonly #hates: (HateMessage | undefined)[];
  /** The view whose primary this replica hates, or -1. */
  #hated = -1;
  /** By replica, when it was asked for an order that differs. */
  readonly #comparedMs: number[];
  /** By replica, when its recovery was taken as a reason last, and for how long not again. */
  readonly #recovered: { atMs: number; pauseMs: number }[];

  constructor(context: ZyzzyvaContext, owner: HatesOwner) {
    const { n, viewTimeoutMs } = context.config;
    this.context = context;
    this.owner = owner;
    this.#hates = new Array<HateMessage | undefined>(n).fill(undefined);
    this.#comparedMs = new Array<number>(n).fill(-Infinity);
    this.#recovered = Array.from({ length: n }, () => ({
      ...{ atMs: -Infinity, pauseMs: RECOVERED_FIRST * viewTimeoutMs },
    }));
  }

  get sizes(): Sizes {
    const { n } = this.context.config;
    const size = this.#hates.filter((hate) => hate !== undefined).length;
    return [{ name: "hates", size, max: n }];
  }
  /** Whether this replica hates the primary of the active view. */
  get hates(): boolean {
    const { view, active } = this.owner.views;
    return active && this.#hated === view;
  }

  /** Hates the primary of the active view from now on. */
  hate(): void {
    const { view, active } = this.owner.views;
    if (!active || !this.owner.start.mayAttest || this.#hated === view) return;
    this.#hated = view;
    this.context.host.send("all", { kind: "hate", replica: this.context.self, view });
    this.owner.catchUp.wake();
  }

  /** Says so again. */
  repeat(): void {
    if (!this.hates) return;
    const { self, host } = this.context;
    const own = this.#hates[self];
    if (own?.seal !== undefined && own.view === this.#hated) host.send("others", own);
  }

  /** Why a HATE changes nothing. */
  refuseHate({ replica, view }: HateMessage): Refusal | null {
    const { views } = this.owner;
    if (view < views.view) return "not admitted: hate of an earlier view";
    const known = this.#hates[replica];
    if (replica < this.context.config.n && (known === undefined || known.view < view)) return null;
    return "not admitted: hate that was counted";
  }

  onHate(message: HateMessage): void {
    const refusal = this.refuseHate(message);
    if (refusal !== null) return this.context.host.drop(refusal);
    this.#hates[message.replica] = message;
    this.consider();
  }

  /** How many have to hate the primary. */
  protected get needed(): number {
    return this.context.quorums.weak;
  }

  /** Leaves the active view if enough replicas hate its primary; passes on that they do. */
  consider(): void {
    const { views, start } = this.owner;
    const { host, self } = this.context;
    if (!views.active || !start.mayAttest) return;
    const hates = this.#hates.filter((hate) => hate?.view === views.view);
    // Who has left the view for a later one hates it as well.
    const left = new Set(views.leftBy());
    for (const hate of hates) if (hate !== undefined) left.add(hate.replica);
    if (left.size < this.needed) return;
    for (const hate of hates) {
      if (hate !== undefined && hate.replica !== self) host.send("others", hate);
    }
    views.leave();
  }

  // Proof of misbehaviour.

  /**
   * Another replica has another history of the active view, so that its order of this slot, which
   * names the history, is another one as well.
   */
  onDivergence(other: Signer, slot: number): void {
    const { host, config, self } = this.context;
    const { view, active, entered } = this.owner.views;
    if (other === self || other >= config.n || !active || slot <= entered.slot) return;
    const askedMs = this.#comparedMs[other] ?? 0;
    if (host.now - askedMs < COMPARE_PAUSE * config.viewTimeoutMs) return;
    this.#comparedMs[other] = host.now;
    coverageMark("zyzzyva: histories diverge in a view");
    host.send(other, { kind: "fillHole", view, first: slot, last: slot });
  }

  /** An order of the active view for a slot that is executed here. */
  onConflict(message: OrderReqMessage, own: OrderReqMessage): void {
    const { view, slot, digest, history } = message;
    if (equal(digest, own.digest) && equal(history, own.history)) return;
    const [one, other] = [message.seal, own.seal];
    if (one === undefined || other === undefined) return;
    coverageMark("zyzzyva: a primary is proven to misbehave");
    const orders = [
      { digest, history, block: one.signature },
      { digest: own.digest, history: own.history, block: other.signature },
    ] as const;
    const primary = message.replica;
    this.#onProof({ kind: "pom", primary, view, slot, orders });
  }

  /** Why a POM changes nothing, or proves nothing. */
  refusePom({ primary, view, orders: [one, other] }: PomMessage): Refusal | null {
    const { views } = this.owner;
    if (view !== views.view || !views.active) return "not admitted: proof of another view";
    if (primary !== this.context.config.leader(view)) return NOT_PROVEN;
    const same = equal(one.digest, other.digest) && equal(one.history, other.history);
    return same ? NOT_PROVEN : null;
  }

  onPom(message: PomMessage): void {
    const refusal = this.refusePom(message);
    if (refusal !== null) return this.context.host.drop(refusal);
    this.#onProof(message);
  }

  #onProof(message: PomMessage): void {
    const { start, views } = this.owner;
    if (!start.mayAttest || !views.active) return;
    this.context.host.send("others", message);
    views.leave();
  }

  // Replicas that have recovered.

  /** Why a RECOVERED changes nothing, or proves nothing. */
  refuseRecovered({ replica, view, stable }: RecoveredMessage): Refusal | null {
    const { views, sync } = this.owner;
    const { config, self, host } = this.context;
    if (replica === self || replica >= config.n || !views.active || view < views.view) {
      return "not admitted: recovered before this view";
    }
    if (!sync.checkpoints.proven(stable)) return "not admitted: recovered without a checkpoint";
    const last = this.#recovered[replica];
    if (last !== undefined && host.now - last.atMs >= last.pauseMs) return null;
    return "not admitted: recovered again too soon";
  }

  /** The fast path needs all replicas, and this one speaks in later views only. */
  onRecovered(message: RecoveredMessage): void {
    const { host, config } = this.context;
    const refusal = this.refuseRecovered(message);
    if (refusal !== null) return host.drop(refusal);
    const last = this.#recovered[message.replica];
    if (last === undefined) return;
    coverageMark("zyzzyva: a view is left for a replica that recovered");
    const first = last.atMs === -Infinity;
    last.atMs = host.now;
    const longestMs = RECOVERED_LAST * config.viewTimeoutMs;
    if (!first) last.pauseMs = Math.min(2 * last.pauseMs, longestMs);
    this.hate();
  }
}

const NOT_PROVEN: Refusal = "not admitted: proof that proves nothing";
