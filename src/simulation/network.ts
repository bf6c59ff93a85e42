// The network between processes: delay, loss, duplication, reordering, replay, corruption,
// partitions. After GST it is quiet: every packet between correct processes arrives within a tenth
// of the view timeout.

import type { Bytes } from "../actor.ts";
import type { Random } from "../base/seeded-random.ts";
import { countDrop, type Drops } from "../driver.ts";
import { PacketContent } from "./packet-content.ts";
import type { Packet } from "./simulated-packet.ts";
import type { Interception } from "./interception.ts";
import type { Travel, Watch } from "./observer.ts";
import type { Process } from "./process.ts";
import type { Scheduler } from "./scheduler.ts";
import type { NetworkPlan, PartitionFault } from "./seed-plan.ts";

/** What else decides on a packet: a twins scenario's rounds. */
export type PacketFilter = (from: Process, to: Process, packet: Packet) => boolean;

/** How a packet travels: "quick" means by no fault, with the least delay. */
export type Fate = "lost" | "late" | "quick" | "usual";
export type PacketGuide = (from: Process, to: Process, packet: Packet) => Fate;

/** Earlier packets kept for replay. */
const KEPT_MAX = 64;
/** How late a late packet is at most, in the longest delays after GST: a view timeout is twenty. */
const LATE_BOUNDS = 400;

export interface NetworkOptions {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly plan: NetworkPlan;
  readonly gstUs: () => number;
  /** The longest delay after GST. */
  readonly boundUs: number;
  /** The processes that listen at a host: two if they are twins. */
  readonly at: (host: number) => readonly Process[];
  readonly replicas: () => readonly Process[];
  /** Whether a corrupted packet may pass for a whole one, or is caught by its check sequence. */
  readonly passes: (corrupted: Bytes) => boolean;
  readonly filter: PacketFilter | null;
  /** Whether all that the process sends before GST is sent twice. */
  readonly repeats?: (from: Process) => boolean;
  /** Has what Byzantine processes send. */
  readonly tamper: ((from: Process, packet: Packet) => void) | null;
  readonly watch?: Watch | null;
  /** What is done by hand; null: nothing ever is. */
  readonly interception?: Interception | null;
}

export class Network {
  /** What was done to packets, by name. */
  readonly injected: Drops = new Map();
  /** What befalls a packet before GST beside what the plan has; null: nothing. */
  guide: PacketGuide | null = null;
  readonly watch: Watch | null;
  readonly #options: NetworkOptions;
  readonly #kept: { from: Process; to: Process; packet: Packet }[] = [];
  #keptAt = 0;
  readonly #overhear: ((packet: Packet) => void)[] = [];
  /**
   * When the last packet of a link arrives, by from * 65536 + to, for networks that keep the order.
   */
  readonly #arrivals = new Map<number, number>();

  constructor(options: NetworkOptions) {
    this.#options = options;
    this.watch = options.watch ?? null;
  }

  /** Has someone told of every packet that a process sends. */
  overhear(tell: (packet: Packet) => void): void {
    this.#overhear.push(tell);
  }

  /** What a process sends; the adversary sees it first. */
  send(from: Process, packet: Packet): void {
    const { tamper } = this.#options;
    for (const tell of this.#overhear) tell(packet);
    if (tamper === null) this.deliver(from, packet);
    else tamper(from, packet);
  }

  /** Sends the packet to whom it is for. */
  deliver(from: Process, packet: Packet): void {
    if (packet.group) {
      for (const to of this.#options.replicas()) {
        if (to.host !== from.host) this.#route(from, to, packet);
      }
      return;
    }
    for (const to of this.#options.at(packet.toHost)) {
      if (to !== from) this.#route(from, to, packet);
    }
  }

  #route(from: Process, to: Process, packet: Packet): void {
    const { scheduler, random, plan, filter, interception = null } = this.#options;
    if (interception?.separates(from, to) === true) {
      return this.#lose(from, to, packet, "cut off");
    }
    if (filter !== null && !filter(from, to, packet)) {
      return this.#lose(from, to, packet, "filtered");
    }
    if (scheduler.nowUs >= this.#options.gstUs()) {
      this.#arrange(from, to, packet);
      return;
    }
    if (this.#partitioned(from, to)) {
      return this.#lose(from, to, packet, "partitioned");
    }
    const fate = this.guide?.(from, to, packet) ?? "usual";
    if (fate === "quick") return this.#arrange(from, to, packet, "sent", plan.delayMinUs);
    if (fate === "lost") return this.#lose(from, to, packet, "lost by kind");
    this.#keep(from, to, packet);
    if (fate === "late") {
      this.#count("promises that are late");
      const delayUs = random.int(LATE_BOUNDS * this.#options.boundUs);
      return this.#arrange(from, to, packet, "late", delayUs);
    }
    if (plan.replay > 0 && random.chance(plan.replay)) {
      const old = random.pick(this.#kept);
      this.#count("replayed");
      this.#arrange(old.from, old.to, old.packet, "replayed");
    }
    if (plan.loss > 0 && random.chance(plan.loss)) {
      return this.#lose(from, to, packet, "lost");
    }
    if (plan.corruption > 0 && random.chance(plan.corruption)) {
      // A copy, whatever holds them: a Buffer's slice would be the very bytes.
      const bytes = new Uint8Array(packet.content.bytes);
      const bit = random.int(Math.max(1, bytes.length * 8));
      if (bytes.length > 0) bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      if (packet.part || !this.#options.passes(bytes)) {
        return this.#lose(from, to, packet, "corrupted, caught");
      }
      this.#count("corrupted");
      const corrupted = { ...packet, content: new PacketContent(bytes), intact: false };
      return this.#arrange(from, to, corrupted, "corrupted");
    }
    this.#arrange(from, to, packet);
    if (plan.duplication > 0 && random.chance(plan.duplication)) {
      this.#count("duplicated");
      this.#arrange(from, to, packet, "duplicated");
    }
    if (this.#options.repeats?.(from) === true) {
      this.#count("sequencers' packets repeated");
      this.#arrange(from, to, packet, "repeated");
    }
  }

  #lose(from: Process, to: Process, packet: Packet, reason: string): void {
    this.#count(reason);
    this.watch?.isLost(from, to, packet, reason);
  }

  #arrange(
    from: Process,
    to: Process,
    packet: Packet,
    how: Travel = "sent",
    wantedUs?: number,
  ): void {
    const { scheduler, interception = null } = this.#options;
    const { watch } = this;
    const delayUs = wantedUs === undefined ? this.#delayUs(from, to) : this.#untilGst(wantedUs);
    if (watch === null && interception === null) {
      scheduler.after(to, delayUs, () => to.arrive(from, packet));
      return;
    }
    const dueUs = scheduler.nowUs + Math.ceil(delayUs);
    const watched = watch?.travels(from, to, packet, how, dueUs) ?? -1;
    const number = interception?.departs(watched) ?? -1;
    const arrive = (): void => {
      const laterUs = interception?.takes(number) ?? 0;
      if (laterUs > 0) scheduler.after(to, laterUs, arrive);
      if (laterUs !== 0) return;
      watch?.arrives(watched);
      to.arrive(from, packet);
    };
    scheduler.after(to, delayUs, arrive);
  }

  #delayUs(from: Process, to: Process): number {
    const { scheduler, random, plan, boundUs } = this.#options;
    const now = scheduler.nowUs;
    if (now >= this.#options.gstUs()) return 1 + random.int(boundUs);
    let delayUs = plan.delayMinUs + random.int(plan.delayMaxUs - plan.delayMinUs + 1);
    if (plan.reordering > 0 && random.chance(plan.reordering)) {
      this.#count("reordered");
      delayUs += random.int(plan.lateUs);
    } else if (plan.ordered) {
      const link = from.index * 65_536 + to.index;
      const last = this.#arrivals.get(link) ?? 0;
      delayUs = Math.max(delayUs, last - now);
      this.#arrivals.set(link, now + delayUs);
    }
    return this.#untilGst(delayUs);
  }

  /** What is under way at GST arrives soon after it. */
  #untilGst(delayUs: number): number {
    const { scheduler, random, boundUs } = this.#options;
    const leftUs = this.#options.gstUs() - scheduler.nowUs;
    return delayUs > leftUs + boundUs ? leftUs + 1 + random.int(boundUs) : delayUs;
  }

  #partitioned(from: Process, to: Process): boolean {
    const { scheduler, plan } = this.#options;
    for (const partition of plan.partitions) {
      if (blocks(partition, from.host, to.host, scheduler.nowUs)) return true;
    }
    return false;
  }

  #keep(from: Process, to: Process, packet: Packet): void {
    if (this.#options.plan.replay === 0) return;
    if (this.#kept.length < KEPT_MAX) {
      this.#kept.push({ from, to, packet });
      return;
    }
    // Old ones stay for a while: what is replaced is chosen in turn, but only every fourth packet.
    this.#keptAt = (this.#keptAt + 1) % (4 * KEPT_MAX);
    if ((this.#keptAt & 3) === 0) this.#kept[this.#keptAt >> 2] = { from, to, packet };
  }

  #count(what: string): void {
    countDrop(this.injected, what);
  }
}

function blocks(partition: PartitionFault, from: number, to: number, nowUs: number): boolean {
  const { atUs, forUs, side, style, periodUs } = partition;
  if (nowUs < atUs || nowUs >= atUs + forUs) return false;
  const inFrom = side.includes(from);
  const inTo = side.includes(to);
  if (inFrom === inTo) return false;
  if (style === "one-way") return inFrom;
  if (style === "flapping") return Math.floor((nowUs - atUs) / periodUs) % 2 === 0;
  return true;
}
