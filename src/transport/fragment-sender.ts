// The sender of fragments: large messages under way and, until their receivers have them, those
// that may be asked for again. A stranger's question is small and the answer may be large, so that
// answers to strangers have room, a rate and turns of their own, behind what goes to the configured
// hosts.

import type { Address, Bytes, Sizes } from "../actor.ts";
import type { Call, Clock } from "../driver.ts";
import type { Reader } from "../wire.ts";
import { DueList } from "./due-list.ts";
import {
  FRAGMENT,
  FRAGMENT_HEADER,
  type FlowLimits,
  type FragmentOptions,
  type FragmentPort,
  type ShareBook,
} from "./fragment-format.ts";
import { GroupPace } from "./group-pace.ts";
import { OutgoingStore } from "./outgoing-store.ts";
import { isUnsent, newFlow, newPeer } from "./outgoing.ts";
import type { Flow, Outbox, Outgoing, Peer } from "./outgoing.ts";
import { indexesIn, mayAsk } from "./resends.ts";
import { Rotation } from "./rotation.ts";

/** Messages under way to one host, and to one stranger; beyond, the newest is dropped. */
const JOBS_MAX = 32_768;
const STRANGER_JOBS_MAX = 2;
/** How often receivers are looked at that do not answer, and fragments that ask them to. */
const CHECK_MS = 10;
const FIRST_LOOK_MS = 50;
const PROBES_MAX = 6;
/** What was not begun goes to no host that is silent, after so long. */
const UNBEGUN_MS = 500;

export class FragmentSender {
  readonly #port: FragmentPort;
  readonly #book: ShareBook;
  readonly #clock: Clock;
  readonly #limits: FlowLimits;
  readonly #store: OutgoingStore;
  readonly #pace: GroupPace;
  readonly #peers = new Map<number, Peer>();
  readonly #rotation: Rotation;
  readonly #due = new DueList<Flow>(FIRST_LOOK_MS, ({ done, left }) => done || left);
  /** Bytes of a message in a fragment, known late; fragments of one that are sent unasked. */
  #chunk = 0;
  #unasked = 0;
  #call: Call | null = null;
  #checking = false;

  constructor(options: FragmentOptions) {
    const { port, book, clock, limits, firstNumber } = options;
    this.#port = port;
    this.#book = book;
    this.#clock = clock;
    this.#limits = limits;
    this.#pace = new GroupPace(options, (flow) => this.#hasRoomFor(flow));
    this.#rotation = new Rotation(port, clock, (outbox, budget) => this.#turn(outbox, budget));
    this.#store = new OutgoingStore({
      ...{ book, clock, firstNumber },
      onDrop: (outgoing) => this.#onDrop(outgoing),
      onSweep: () => this.#forgetPeers(),
      drop: (reason) => port.drop(reason),
    });
  }

  get sizes(): Sizes {
    const { unsent } = this.#store;
    return [
      ...this.#store.sizes,
      { name: "transport.large messages under way", size: unsent, max: JOBS_MAX },
    ];
  }

  /** Takes the message over; `pump` sends it. */
  transmit(source: number, to: readonly Address[], message: Bytes): void {
    if (this.#chunk === 0) {
      this.#chunk = this.#port.payloadMax() - FRAGMENT_HEADER;
      this.#unasked = Math.max(2, Math.floor(this.#limits.unasked / this.#chunk));
    }
    const count = Math.ceil(message.length / this.#chunk);
    const outgoing = this.#store.add(source, to, message, count);
    if (outgoing === null) {
      this.#port.drop("too many large messages");
      return;
    }
    for (const address of to) this.#begin(outgoing, address);
    if (outgoing.flows.length === 0) this.#store.drop(outgoing);
  }

  /** Sends at most `budget` packets, those to configured hosts first; returns how many. */
  pump(budget: number): number {
    return this.#rotation.pump(budget);
  }

  /** The rest of a grant, behind its number. */
  onGrant(from: Address, number: number, input: Reader): void {
    const round = input.u8();
    const limit = input.u16();
    const first = input.u16();
    const bitmap = input.bytes(input.remaining);
    if (!input.ok) {
      this.#port.drop("malformed fragment");
      return;
    }
    const flow = this.#flowOf(number, from);
    if (flow === undefined || flow.done) {
      this.#port.drop("unknown fragments requested");
      return;
    }
    const { outgoing, peer } = flow;
    this.#hear(flow);
    if (limit > flow.limit || round !== 0) flow.round = round;
    flow.limit = Math.max(flow.limit, Math.min(limit, outgoing.count));
    // In its turn: what is sent unasked makes room for others.
    if (flow.limit > this.#unasked) this.#release(flow);
    if (flow.spread !== null) this.#pace.granted(flow.spread);
    this.#resend(flow, first, bitmap);
    this.#enqueue(flow.spread ?? flow);
    this.#wake(peer);
  }

  /** Numbers of messages that their receiver has. */
  onReceipt(from: Address, input: Reader): void {
    while (input.remaining > 0) {
      const number = input.u53();
      if (!input.ok) {
        this.#port.drop("malformed fragment");
        return;
      }
      const flow = this.#flowOf(number, from);
      if (flow === undefined) this.#port.drop("unknown message received");
      if (flow === undefined || flow.done) continue;
      this.#hear(flow);
      this.#settle(flow);
    }
  }

  #peerOf(address: Address): Peer {
    const host = this.#book.hostOf(address);
    let peer = this.#peers.get(host);
    if (peer === undefined) {
      peer = newPeer(host);
      this.#peers.set(host, peer);
    }
    return peer;
  }

  /** Forgets hosts that nothing goes to, but for those that answer not. */
  #forgetPeers(): void {
    for (const [host, peer] of this.#peers) {
      if (peer.flows.first === null && peer.fresh.length === 0 && !peer.deaf)
        this.#peers.delete(host);
    }
  }

  /** Has a message sent to a receiver, unless there is too much for it. */
  #begin(outgoing: Outgoing, to: Address): void {
    const outbox = this.#store.outboxOf(to);
    const waiting = outbox.share < 0 ? 0 : (outbox.waiting.get(to) ?? 0);
    if (waiting >= STRANGER_JOBS_MAX) {
      this.#port.drop("large messages to a stranger are under way");
      return;
    }
    if (outbox.unsent >= JOBS_MAX) {
      this.#port.drop("too many large messages");
      return;
    }
    const peer = this.#peerOf(to);
    const flow = newFlow(outgoing, to, peer, outbox, null);
    const members = this.#pace.membersOf(to);
    if (members.length > 0) {
      flow.members = members.map((member) =>
        newFlow(outgoing, member, this.#peerOf(member), outbox, flow),
      );
      for (const member of flow.members) this.#expect(member);
    } else this.#expect(flow);
    this.#count(flow);
    peer.fresh.push(flow);
    if (peer.fresh.peek() === flow) this.#enqueue(flow);
  }

  /** From now on a receipt is expected. */
  #expect(flow: Flow): void {
    const { outgoing } = flow;
    outgoing.flows.push(flow);
    outgoing.undone++;
    this.#watch(flow);
  }

  #watch(flow: Flow): void {
    const { peer } = flow;
    peer.flows.push(flow);
    this.#due.add(flow, this.#clock.now);
    this.#schedule();
  }

  #flowOf(number: number, from: Address): Flow | undefined {
    const flows = this.#store.messages.get(number)?.flows ?? NO_FLOWS;
    for (const flow of flows) if (flow.to === from) return flow;
    return undefined;
  }

  /** Its receiver tells of a message, so it is there. */
  #hear(flow: Flow): void {
    const { peer, firstMs, spread, heardMs } = flow;
    const { now } = this.#clock;
    const begunMs = spread?.firstMs ?? firstMs;
    // Also of those that were probed: too long a time does less harm than one that is too short.
    if (heardMs < 0 && begunMs >= 0) peer.roundTrip.measured(now - begunMs);
    flow.heardMs = now;
    flow.probes = 0;
    peer.heardMs = now;
    if (flow.left) {
      flow.left = false;
      this.#watch(flow);
      const sender = spread ?? flow;
      sender.left = false;
      if (isUnsent(sender)) this.#count(sender);
    }
    if (!peer.deaf) return;
    // It answers one message after another, and is not asked for each meanwhile.
    peer.backMs = now;
    this.#setDeaf(peer, false);
  }

  /** What is under way to a host that does not answer may be forgotten as if it was not. */
  #setDeaf(peer: Peer, deaf: boolean): void {
    peer.deaf = deaf;
    for (let flow = peer.flows.first; flow !== null; flow = flow.after) {
      const sender = flow.spread ?? flow;
      if (flow.spread !== null) this.#pace.granted(sender);
      const reached = flow.spread === null ? !deaf : this.#pace.reaches(sender);
      if (!reached) this.#uncount(sender);
      else if (isUnsent(sender)) this.#count(sender);
      if (flow.spread !== null) this.#wake(sender.peer);
    }
  }

  #count(flow: Flow): void {
    if (flow.counted) return;
    const { outgoing, outbox, to } = flow;
    flow.counted = true;
    outgoing.unsent++;
    outbox.unsent++;
    if (outbox.share >= 0) outbox.waiting.set(to, (outbox.waiting.get(to) ?? 0) + 1);
    this.#store.markIdle(outgoing, false);
  }

  #uncount(flow: Flow): void {
    if (!flow.counted) return;
    const { outgoing, outbox, to } = flow;
    flow.counted = false;
    outbox.unsent--;
    if (outbox.share >= 0) lower(outbox.waiting, to);
    if (--outgoing.unsent === 0) this.#store.markIdle(outgoing, true);
  }

  /** Nothing more is expected of this receiver. */
  #leave(flow: Flow): void {
    // What is to the group itself is among nobody's.
    if (!flow.left && flow.members.length === 0) flow.peer.flows.remove(flow);
    flow.left = true;
    this.#release(flow);
    this.#uncount(flow);
  }

  #finish(flow: Flow): void {
    flow.done = true;
    this.#leave(flow);
  }

  /** A receiver has all of its message, or will not get it. */
  #settle(flow: Flow): void {
    const { outgoing, spread, peer } = flow;
    this.#finish(flow);
    this.#wake(peer);
    if (--outgoing.undone === 0) this.#store.drop(outgoing);
    else if (spread !== null) {
      this.#pace.granted(spread);
      this.#enqueue(spread);
    }
  }

  #onDrop(outgoing: Outgoing): void {
    for (const flow of outgoing.flows) {
      this.#finish(flow);
      this.#wake(flow.peer);
      const { spread } = flow;
      if (spread === null || spread.done) continue;
      this.#finish(spread);
      this.#wake(spread.peer);
    }
  }

  #release(flow: Flow): void {
    flow.peer.used -= flow.used;
    flow.used = 0;
  }

  /** Has the first of those go on that wait for room in their peer's window, if there is some. */
  #wake(peer: Peer): void {
    const { fresh } = peer;
    const unasked = this.#unasked;
    for (let flow = fresh.peek(); flow !== undefined; flow = fresh.peek()) {
      if (isUnsent(flow) && flow.next < unasked) {
        this.#enqueue(flow);
        break;
      }
      fresh.shift();
    }
    const { group } = this.#pace;
    if (group === null) return;
    const spreads = this.#peerOf(group);
    if (spreads !== peer && spreads.fresh.length > 0) this.#wake(spreads);
  }

  #hasRoomFor({ peer }: Flow): boolean {
    if (peer.used === 0) return true;
    return !peer.deaf && peer.used + this.#chunk <= this.#limits.unaskedOfHost;
  }

  /** Whether something may be sent. */
  #maySend(flow: Flow): boolean {
    const { resends, resendAt, next, limit, outgoing, done, left, peer, members } = flow;
    if (done || left) return false;
    if (resendAt < resends.length || next < Math.min(limit, outgoing.count)) return true;
    if (next >= outgoing.count || next >= this.#unasked || peer.fresh.peek() !== flow) return false;
    return members.length > 0 ? this.#pace.hasRoom(flow) : this.#hasRoomFor(flow);
  }

  #enqueue(flow: Flow): void {
    const { outbox } = flow;
    if (flow.queued || !this.#maySend(flow)) return;
    flow.queued = true;
    outbox.ready.push(flow);
    this.#rotation.add(outbox);
  }

  /** Sends some fragments of an outbox's next flows; returns how many. */
  #turn({ ready }: Outbox, budget: number): number {
    let sent = 0;
    let held = 0;
    while (sent < budget && ready.length > held) {
      const flow = ready.peek();
      if (flow === undefined) break;
      if (!this.#maySend(flow)) {
        ready.shift();
        flow.queued = false;
      } else if (this.#port.mayLeave(flow.to)) {
        this.#sendNext(flow);
        sent++;
      } else {
        ready.shift();
        ready.push(flow);
        held++;
      }
    }
    return sent;
  }

  #sendNext(flow: Flow): void {
    const { resends, outgoing, peer } = flow;
    if (flow.resendAt < resends.length) {
      this.#sendFragment(flow, resends[flow.resendAt++] ?? 0);
      return;
    }
    const index = flow.next++;
    if (index >= flow.limit) this.#use(flow);
    this.#sendFragment(flow, index);
    if (flow.next === outgoing.count) this.#uncount(flow);
    if (flow.next === this.#unasked || flow.next === outgoing.count) this.#wake(peer);
  }

  /** A fragment leaves unasked. */
  #use(flow: Flow): void {
    for (const one of flow.members.length > 0 ? flow.members : [flow]) {
      if (one.done) continue;
      one.used += this.#chunk;
      one.peer.used += this.#chunk;
    }
  }

  #sendFragment(flow: Flow, index: number): void {
    const { outgoing, to, round } = flow;
    const { source, number, message, count } = outgoing;
    const chunk = this.#chunk;
    const { now } = this.#clock;
    if (flow.firstMs < 0) flow.firstMs = now;
    flow.sentMs = now;
    const out = this.#port.beginPacket();
    out.u8(FRAGMENT);
    out.u53(number);
    out.u8(round);
    out.u16(index);
    out.u16(count);
    out.u32(message.length);
    out.bytes(message.subarray(index * chunk, (index + 1) * chunk));
    this.#port.sendPart(source, to);
  }

  /** Has fragments sent once more that its receiver misses, of those that were sent. */
  #resend(flow: Flow, first: number, bitmap: Bytes): void {
    const sent = flow.spread?.next ?? flow.next;
    const indexes = indexesIn(bitmap, first, sent);
    if (indexes.length === 0) return;
    if (flow.resendAt < flow.resends.length) {
      this.#port.drop("fragments requested that are under way");
      return;
    }
    if (!mayAsk(flow, indexes.length, this.#clock.now)) {
      this.#port.drop("fragments requested too often");
      return;
    }
    flow.resends = indexes;
    flow.resendAt = 0;
    this.#enqueue(flow);
  }

  #schedule(): void {
    if (this.#checking) return;
    this.#checking = true;
    if (this.#call === null) this.#call = this.#clock.after(CHECK_MS, () => this.#check());
    else this.#call.again(CHECK_MS);
  }

  #check(): void {
    const { now } = this.#clock;
    this.#checking = false;
    for (let flow = this.#due.take(now); flow !== undefined; flow = this.#due.take(now)) {
      const dueMs = this.#look(flow);
      if (dueMs > now) this.#due.again(flow, dueMs);
    }
    if (this.#due.length > 0) this.#schedule();
    this.#port.pump();
  }

  /** Does what is due for a message and its receiver; returns when to look again, or now. */
  #look(flow: Flow): number {
    const { now } = this.#clock;
    const { peer, probes, spread, outgoing } = flow;
    const sentMs = Math.max(flow.sentMs, spread?.sentMs ?? -1);
    const lateMs = peer.roundTrip.lateMs(probes);
    if (sentMs < 0) {
      if (!peer.deaf || spread !== null || now - outgoing.sentMs < UNBEGUN_MS) return now + lateMs;
      this.#port.drop("to a host that does not answer");
      this.#settle(flow);
      return now;
    }
    const quietMs = now - Math.max(sentMs, flow.heardMs, peer.backMs);
    if (quietMs < lateMs) return now + Math.max(CHECK_MS, lateMs - quietMs);
    if (flow.queued || spread?.queued === true) return now + lateMs;
    if (probes >= PROBES_MAX) {
      this.#giveUp(flow);
      return now;
    }
    if (peer.heardMs < sentMs && !peer.deaf) this.#setDeaf(peer, true);
    flow.probes++;
    // Of what a silent host was sent one message at a time is enough to learn that it is back.
    if (!peer.deaf || now - peer.probedMs >= peer.roundTrip.lateMs(0)) {
      peer.probedMs = now;
      this.#resend(flow, 0, PROBE);
    }
    return now + peer.roundTrip.lateMs(flow.probes);
  }

  /** Expects nothing more of this receiver, unless it asks. */
  #giveUp(flow: Flow): void {
    const { peer, spread } = flow;
    this.#leave(flow);
    if (spread !== null && !this.#pace.reaches(spread)) {
      spread.left = spread.members.every(({ done, left }) => done || left);
      this.#uncount(spread);
    }
    this.#wake(peer);
  }
}

const NO_FLOWS: readonly Flow[] = [];
/** The bitmap of the first fragment. */
const PROBE: Bytes = Uint8Array.of(1);

/** Counts one less, and forgets what is zero. */
function lower(counts: Map<Address, number>, address: Address): void {
  const count = (counts.get(address) ?? 0) - 1;
  if (count > 0) counts.set(address, count);
  else counts.delete(address);
}
