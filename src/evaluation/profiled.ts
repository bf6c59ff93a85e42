// Drivers, codec and actor that tell a Profiler what they are about, and are otherwise those that
// they stand in front of. Without a profiler none of them is there, so that it costs nothing then.
// Each has the sampler's words at hand: one more step to them would show in the throughput.

import type { Actor, Address, Bytes, Codec, Host, Proof, Target } from "../actor.ts";
import type { Clock, Drops, Stage, Transport } from "../driver.ts";
import type { Reader, Writer } from "../wire.ts";
import {
  CHECK,
  DECODE,
  ENCODE,
  enter,
  HELP,
  IDLE,
  PROTOCOL,
  RECEIVE,
  SECTION_WORD,
  SEND,
  type Profiler,
} from "./profiler.ts";

export class ProfiledCodec<M> implements Codec<M> {
  readonly #codec: Codec<M>;
  readonly #words: Int32Array;

  constructor(codec: Codec<M>, profiler: Profiler) {
    this.#codec = codec;
    this.#words = profiler.words;
  }

  encode(message: M, out: Writer): void {
    const before = enter(this.#words, ENCODE);
    this.#codec.encode(message, out);
    this.#words[SECTION_WORD] = before;
  }
  decode(input: Reader): M | null {
    const before = enter(this.#words, DECODE);
    const message = this.#codec.decode(input);
    this.#words[SECTION_WORD] = before;
    return message;
  }
  proofs(message: M): readonly Proof[] {
    const before = enter(this.#words, CHECK);
    const proofs = this.#codec.proofs(message);
    this.#words[SECTION_WORD] = before;
    return proofs;
  }
}

/** Only `poll` is told: what is begun and transmitted is part of sending already. */
export class ProfiledTransport implements Transport {
  readonly #transport: Transport;
  readonly #profiler: Profiler;
  readonly #words: Int32Array;

  constructor(transport: Transport, profiler: Profiler) {
    this.#transport = transport;
    this.#profiler = profiler;
    this.#words = profiler.words;
  }

  get payloadMax(): number {
    return this.#transport.payloadMax;
  }
  get group(): Address | null {
    return this.#transport.group;
  }
  get drops(): Drops {
    return this.#transport.drops;
  }
  listen(id: number, deliver: (from: Address, input: Reader) => void): void {
    this.#transport.listen(id, deliver);
  }
  begin(id: number): Writer {
    return this.#transport.begin(id);
  }
  transmit(to: Address | readonly Address[]): void {
    this.#transport.transmit(to);
  }
  poll(): number {
    this.#profiler.beginTurn();
    const before = enter(this.#words, RECEIVE);
    const count = this.#transport.poll();
    this.#words[SECTION_WORD] = before;
    return count;
  }
  close(): void {
    this.#transport.close();
  }
}

/** Measures also how long checks and signatures take, by the clock of turns. */
export class ProfiledStage implements Stage {
  readonly #stage: Stage;
  readonly #profiler: Profiler;
  readonly #words: Int32Array;
  readonly #clock: Clock;

  constructor(stage: Stage, profiler: Profiler, clock: Clock) {
    this.#stage = stage;
    this.#profiler = profiler;
    this.#words = profiler.words;
    this.#clock = clock;
  }

  get counts(): Stage["counts"] {
    return this.#stage.counts;
  }

  sign(signed: Bytes, done: (block: Bytes) => void): void {
    const before = enter(this.#words, CHECK);
    const fromMs = this.#clock.now;
    this.#stage.sign(signed, (block) => {
      const { waits } = this.#profiler;
      waits.signMs += this.#clock.now - fromMs;
      waits.signs++;
      // The node sends what waited for this signature.
      const collecting = enter(this.#words, SEND);
      done(block);
      this.#words[SECTION_WORD] = collecting;
    });
    this.#words[SECTION_WORD] = before;
  }
  verify(proofs: readonly Proof[], done: (valid: boolean) => void): void {
    const before = enter(this.#words, CHECK);
    const fromMs = this.#clock.now;
    this.#stage.verify(proofs, (valid) => {
      const { waits } = this.#profiler;
      waits.checkMs += this.#clock.now - fromMs;
      waits.checks++;
      done(valid);
    });
    this.#words[SECTION_WORD] = before;
  }
  help(): boolean {
    const before = enter(this.#words, HELP);
    const helped = this.#stage.help();
    this.#words[SECTION_WORD] = before;
    return helped;
  }
  poll(): number {
    const before = enter(this.#words, CHECK);
    const count = this.#stage.poll();
    this.#words[SECTION_WORD] = before;
    return count;
  }
  close(): void {
    this.#stage.close();
  }
}

export class ProfiledActor<M, T extends string> implements Actor<M, T> {
  readonly #actor: Actor<M, T>;
  readonly #words: Int32Array;

  constructor(actor: Actor<M, T>, profiler: Profiler) {
    this.#actor = actor;
    this.#words = profiler.words;
  }

  receive(from: Address, message: M): void {
    const before = enter(this.#words, PROTOCOL);
    this.#actor.receive(from, message);
    this.#words[SECTION_WORD] = before;
  }
  timeout(timer: T): void {
    const before = enter(this.#words, PROTOCOL);
    this.#actor.timeout(timer);
    this.#words[SECTION_WORD] = before;
  }
  admit(from: Address, message: M): boolean {
    if (this.#actor.admit === undefined) return true;
    const before = enter(this.#words, PROTOCOL);
    const admitted = this.#actor.admit(from, message);
    this.#words[SECTION_WORD] = before;
    return admitted;
  }
}

export class ProfiledHost<M, T extends string> implements Host<M, T> {
  readonly #host: Host<M, T>;
  readonly #words: Int32Array;

  constructor(host: Host<M, T>, profiler: Profiler) {
    this.#host = host;
    this.#words = profiler.words;
  }

  get now(): number {
    return this.#host.now;
  }
  get backlog(): number {
    return this.#host.backlog;
  }
  random(bound: number): number {
    return this.#host.random(bound);
  }
  send(to: Target, message: M): void {
    const before = enter(this.#words, SEND);
    this.#host.send(to, message);
    this.#words[SECTION_WORD] = before;
  }
  setTimer(timer: T, delayMs: number): void {
    this.#host.setTimer(timer, delayMs);
  }
  clearTimer(timer: T): void {
    this.#host.clearTimer(timer);
  }
}

/** What a turn without work does, told to the profiler. */
export function profiledIdle(idle: () => void, profiler: Profiler): () => void {
  return () => {
    profiler.idleTurn();
    const before = enter(profiler.words, IDLE);
    idle();
    profiler.words[SECTION_WORD] = before;
  };
}
