// The real signature blocks over a keyed hash that takes random virtual time.

import type { Bytes, Proof, Signer } from "../actor.ts";
import { assert } from "../base/assert.ts";
import type { Random } from "../base/seeded-random.ts";
import { SIGNATURE_SIZE } from "../crypto/merkle.ts";
import { BlockStage, type OneTimeOptions, type RootSigner } from "../crypto/stage.ts";
import type { SignatureKind } from "../protocol-config.ts";
import type { Owner, Scheduler } from "./scheduler.ts";
import type { OneTimeScheme } from "../crypto/one-time.ts";
import { SimulatedOneTime, type SimulatedOneTimeOptions } from "./simulated-one-time.ts";
import type { SimulatedKeys } from "./simulated-keys.ts";

export interface SimulatedStageOptions {
  readonly scheduler: Scheduler;
  readonly owner: Owner;
  readonly random: Random;
  readonly keys: SimulatedKeys;
  readonly kind: SignatureKind;
  /** Whose key it holds; null at clients. */
  readonly self: Signer | null;
  /** Where clients sign requests: by which key, null at replicas; absent elsewhere. */
  readonly requests?: { readonly key: Bytes | null };
  /** Whether it believes that any request is its client's, as a Byzantine replica may. */
  readonly credulous?: boolean;
  /** The longest time that a signature or a check takes now, in microseconds. */
  readonly signUs: () => number;
  readonly verifyUs: () => number;
  /** Makes one-time signatures otherwise than all do. */
  readonly oneTime?: (options: SimulatedOneTimeOptions) => OneTimeScheme;
  /** Told if one of its one-time keys signs two messages. */
  readonly signsTwice?: () => void;
  /** Told of all that is signed. */
  readonly noteSigned?: (signed: Bytes, run: Bytes | null) => void;
  /** Told of every verdict: `proofs` as the codec gave them. */
  readonly judged: (proofs: readonly Proof[], run: Bytes | null, valid: boolean) => void;
}

export class SimulatedStage extends BlockStage {
  readonly #options: SimulatedStageOptions;
  #turn = false;

  constructor(options: SimulatedStageOptions) {
    const { keys, kind, self, requests } = options;
    const { n, domain, hasher } = keys;
    const asked = requests === undefined ? {} : { requests };
    const { scheduler, owner, random } = options;
    const signsTwice = options.signsTwice ?? ((): void => {});
    const scheme = { keys, self: self ?? requests?.key ?? null, random, signsTwice };
    const oneTime = (): OneTimeOptions => ({
      scheme: options.oneTime?.(scheme) ?? new SimulatedOneTime(scheme),
      // A process that starts anew does so later, and has fewer batches than milliseconds.
      firstNumber: Math.floor(scheduler.nowUs / 1000),
    });
    super({
      ...{ kind, self, n, domain, hasher, signer: new SlowSigner(options), ...asked },
      oneTime: kind === "hybrid" ? oneTime() : null,
    });
    this.#options = options;
    if (kind === "hybrid") scheduler.after(owner, 1, () => this.poll());
  }

  override sign(signed: Bytes, run: Bytes | null, done: (block: Bytes) => void): void {
    super.sign(signed, run, done);
    this.#options.noteSigned?.(signed, run);
    if (this.#options.kind !== "each") this.#endTurn();
  }

  override hear(signer: Signer, batch: Bytes, signature: Bytes): boolean {
    const heard = super.hear(signer, batch, signature);
    if (heard) this.#endTurn();
    return heard;
  }

  override hearClient(source: number, key: Bytes, batch: Bytes, signature: Bytes): boolean {
    const heard = super.hearClient(source, key, batch, signature);
    if (heard) this.#endTurn();
    return heard;
  }

  /** Batches are closed at the end of a turn, as in the run loop of an executable. */
  #endTurn(): void {
    if (this.#turn) return;
    this.#turn = true;
    this.#options.scheduler.after(this.#options.owner, 1, () => {
      this.#turn = false;
      this.poll();
    });
  }

  override verify(
    proofs: readonly Proof[],
    run: Bytes | null,
    done: (valid: boolean) => void,
    doubted?: boolean,
  ): void {
    const judged = (valid: boolean): void => {
      this.#options.judged(proofs, run, valid);
      done(valid);
    };
    super.verify(this.#doubtful(proofs), run, judged, doubted);
  }

  #doubtful(proofs: readonly Proof[]): readonly Proof[] {
    return this.#options.credulous === true
      ? proofs.filter(({ key }) => key === undefined)
      : proofs;
  }

  override knows(proofs: readonly Proof[], run: Bytes | null): boolean {
    const known = super.knows(this.#doubtful(proofs), run);
    if (known && proofs.length > 0) this.#options.judged(proofs, run, true);
    return known;
  }
}

class SlowSigner implements RootSigner {
  readonly verifyNow = null;
  readonly #options: SimulatedStageOptions;

  constructor(options: SimulatedStageOptions) {
    this.#options = options;
  }

  sign(digest: Bytes, done: (signature: Bytes) => void): void {
    const { scheduler, owner, random, keys, self, requests, signUs } = this.#options;
    const by = self ?? requests?.key ?? null;
    assert(by !== null, "this client signs nothing");
    const signature = new Uint8Array(SIGNATURE_SIZE);
    keys.sign(by, digest, signature);
    scheduler.after(owner, 1 + random.int(Math.ceil(signUs())), () => done(signature));
  }

  verify(
    by: Signer | Bytes,
    digest: Bytes,
    signature: Bytes,
    done: (valid: boolean) => void,
  ): void {
    const { scheduler, owner, random, keys, verifyUs } = this.#options;
    const valid = keys.verify(by, digest, signature);
    scheduler.after(owner, 1 + random.int(Math.ceil(verifyUs())), () => done(valid));
  }

  runJob(): boolean {
    return false;
  }
  poll(): number {
    return 0;
  }
  close(): void {
    // Nothing to free.
  }
}
