// What somebody does to a run by hand. Packets have numbers, in the order in which they leave, by
// which they can be lost or delayed; processes can be cut off, and replicas become Byzantine.

import type { Process } from "./process.ts";
import type { Plan } from "./seed-plan.ts";

/** Of a packet that never arrives. */
const LOST = -1;

export class Interception {
  /** Packets that left. */
  count = 0;
  readonly #cutOff = new Set<string>();
  /** By number, what the watch knows a packet as that is under way. */
  readonly #underWay = new Map<number, number>();
  /** By number, how much later a packet arrives, or that it is lost. */
  readonly #fates = new Map<number, number>();

  readonly #byzantine: number[] = [];
  readonly #tricks: string[] = [];

  /** The plan, to whose Byzantine replicas and tricks others may be added. */
  opens(plan: Plan): Plan {
    this.#byzantine.push(...plan.byzantine);
    this.#tricks.push(...plan.tricks);
    return { ...plan, byzantine: this.#byzantine, tricks: this.#tricks };
  }

  /** Adds a Byzantine replica; all of them play all tricks. */
  corrupts(identity: number, tricks: readonly string[]): void {
    if (!this.#byzantine.includes(identity)) this.#byzantine.push(identity);
    this.#tricks.push(...tricks.filter((trick) => !this.#tricks.includes(trick)));
  }

  /** A packet leaves, which the watch knows by that number; its own. */
  departs(watched: number): number {
    const number = this.count++;
    this.#underWay.set(number, watched);
    return number;
  }

  /** It is due: in how many microseconds it arrives, 0 for now; -1: never. */
  takes(number: number): number {
    const laterUs = this.#fates.get(number) ?? 0;
    this.#fates.delete(number);
    if (laterUs <= 0) this.#underWay.delete(number);
    return laterUs;
  }

  /** Loses a packet; what the watch knows it as, null if it is not under way. */
  lose(number: number): number | null {
    const watched = this.#underWay.get(number) ?? null;
    if (watched !== null) this.#fates.set(number, LOST);
    return watched;
  }

  /** Has a packet arrive later than it was due; as `lose`. */
  delay(number: number, byUs: number): number | null {
    const watched = this.#underWay.get(number) ?? null;
    const known = this.#fates.get(number) ?? 0;
    if (watched !== null && known !== LOST) this.#fates.set(number, known + byUs);
    return watched;
  }

  /** Nobody hears that process, and it hears nobody, until it joins again. */
  cutOff({ name }: Process): void {
    this.#cutOff.add(name);
  }

  joinAgain({ name }: Process): void {
    this.#cutOff.delete(name);
  }

  isCutOff({ name }: Process): boolean {
    return this.#cutOff.has(name);
  }

  separates(from: Process, to: Process): boolean {
    return this.#cutOff.size > 0 && (this.#cutOff.has(from.name) || this.#cutOff.has(to.name));
  }
}
