// A stage that tells the profiler how long it took over checks and signatures.

import type { Bytes, Proof, Signer } from "../actor.ts";
import type { Clock, OneTimeCounts, Stage } from "../driver.ts";
import type { SignatureKind } from "../protocol-config.ts";
import type { Profiler } from "./profiler.ts";

/** Measures how long checks and signatures take, by the clock of turns. */
export class ProfiledStage implements Stage {
  readonly #stage: Stage;
  readonly #profiler: Profiler;
  readonly #clock: Clock;

  constructor(stage: Stage, profiler: Profiler, clock: Clock) {
    this.#stage = stage;
    this.#profiler = profiler;
    this.#clock = clock;
  }

  get clientKey(): Bytes | null {
    return this.#stage.clientKey ?? null;
  }
  get counts(): Stage["counts"] {
    return this.#stage.counts;
  }

  runDomain(name: Bytes): Bytes {
    return this.#stage.runDomain(name);
  }
  sign(signed: Bytes, run: Bytes | null, done: (block: Bytes) => void): void {
    const fromMs = this.#clock.now;
    this.#stage.sign(signed, run, (block) => {
      const { waits } = this.#profiler;
      waits.signMs += this.#clock.now - fromMs;
      waits.signs++;
      done(block);
    });
  }
  verify(
    proofs: readonly Proof[],
    run: Bytes | null,
    done: (valid: boolean) => void,
    doubted = false,
  ): void {
    const fromMs = this.#clock.now;
    const measured = (valid: boolean): void => {
      const { waits } = this.#profiler;
      waits.checkMs += this.#clock.now - fromMs;
      waits.checks++;
      done(valid);
    };
    this.#stage.verify(proofs, run, measured, doubted);
  }
  knows(proofs: readonly Proof[], run: Bytes | null): boolean {
    const known = this.#stage.knows(proofs, run);
    if (known && proofs.length > 0) this.#profiler.waits.checks++;
    return known;
  }
  get oneTimeCounts(): OneTimeCounts | undefined {
    return this.#stage.oneTimeCounts;
  }
  get hears(): boolean {
    return this.#stage.hears ?? false;
  }
  announcing(send: (batch: Bytes, signature: Bytes) => void): void {
    this.#stage.announcing?.(send);
  }
  hear(signer: Signer, batch: Bytes, signature: Bytes): boolean {
    return this.#stage.hear?.(signer, batch, signature) ?? false;
  }
  hearClient(source: number, key: Bytes, batch: Bytes, signature: Bytes): boolean {
    return this.#stage.hearClient?.(source, key, batch, signature) ?? false;
  }
  settle(kind: SignatureKind): void {
    this.#stage.settle?.(kind);
  }
  runJob(): boolean {
    return this.#stage.runJob();
  }
  poll(): number {
    return this.#stage.poll();
  }
  close(): void {
    this.#stage.close();
  }
}
