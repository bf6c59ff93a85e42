// How lives agree on the name of their run: Naming alone, several of them with what they send each
// other carried by hand, or one that is fed by hand.

import { expect, test } from "bun:test";
import type { Bytes, Sealed } from "../../../src/actor.ts";
import { codecOf } from "../../../src/protocol/kit/codec.ts";
import { Naming } from "../../../src/protocol/kit/naming.ts";
import {
  nameOf,
  type ListCertificate,
  type NamingMessage,
} from "../../../src/protocol/kit/naming-messages.ts";
import { certificateOf } from "../../../src/protocol/kit/quorum.ts";
import { NO_PROOFS } from "../../../src/actor.ts";
import { AnyAnswer } from "../../mutants/naming.ts";
import { FakeHost } from "../../support/fake-host.ts";
import { latin1 } from "../../../src/wire.ts";
import { Packets } from "../../support/packets.ts";

const T = 100;
const NAMELESS = { kind: "nameless" } as const;

interface Own extends Sealed {
  readonly kind: "own";
}
const packets = new Packets(
  codecOf<Own>({ encode: () => {}, decode: () => null, proofs: () => NO_PROOFS }),
);

interface Told {
  readonly how: "begins" | "learns" | "news";
  readonly name: Bytes;
}

class Life {
  readonly host: FakeHost<NamingMessage, never>;
  readonly told: Told[] = [];
  readonly naming: Naming;
  readonly self: number;

  constructor(self: number, seed = self, n = 4, Kind = Naming) {
    this.self = self;
    this.host = new FakeHost(seed + 1);
    this.naming = new Kind({
      ...{ self, n, f: Math.floor((n - 1) / 3), viewTimeoutMs: T, host: this.host },
      owner: {
        onBegin: (name) => this.told.push({ how: "begins", name }),
        onLearn: (name) => this.told.push({ how: "learns", name }),
        onNews: (name) => this.told.push({ how: "news", name }),
      },
    });
  }

  receive(message: NamingMessage): void {
    const carried = packets.carried(message);
    expect(packets.genuine(carried)).toBe(true);
    if (this.naming.refuse(carried, true) === null) this.naming.receive(carried, true);
  }
}

/** Carries what lives have sent, until nothing is left. */
function settle(
  lives: readonly Life[],
  lost: (m: NamingMessage, to: number) => boolean = () => false,
) {
  for (let more = true; more;) {
    more = false;
    for (const life of lives) {
      for (const { to, message } of life.host.take()) {
        more = true;
        for (const other of lives) {
          const meant = typeof to === "number" ? to === other.self : to === "all" || other !== life;
          if (meant && !lost(message, other.self)) other.receive(message);
        }
      }
    }
  }
}

function tick(lives: readonly Life[], atMs: number): void {
  for (const life of lives) {
    life.host.clockMs = atMs;
    life.naming.tick();
  }
}

function four(): Life[] {
  return [0, 1, 2, 3].map((self) => new Life(self));
}

/** The list of these lives, zeros for those that are null. */
function listOf(lives: readonly (Life | null)[]): Bytes {
  const list = new Uint8Array(16 * lives.length);
  for (const [i, life] of lives.entries()) if (life !== null) list.set(life.naming.nonce, 16 * i);
  return list;
}

/** Votes of one kind for a list, really signed. */
function certificate(
  kind: "confirm" | "ready",
  attempt: number,
  lives: Bytes,
  signers = [0, 1, 2],
): ListCertificate {
  const name = nameOf(lives);
  const empty = { attempt, lives, votes: { signers: [], blocks: [] } };
  const votes: Sealed[] = signers.map((replica) =>
    packets.carried<NamingMessage>(
      kind === "confirm"
        ? { kind, replica, attempt, name }
        : { kind, replica, attempt, name, confirmed: empty },
    ),
  );
  return { attempt, lives, votes: certificateOf(votes, signers.length) };
}

test("X15 lives that all hear each other begin at once, in one run that lists them", () => {
  const lives = four();
  tick(lives, 0);
  settle(lives);
  const name = nameOf(listOf(lives));
  for (const { told } of lives) expect(told).toEqual([{ how: "begins", name }]);
});

test("X15 n - f lives wait four view timeouts for the last one, fewer wait for ever", () => {
  const lives = four().slice(0, 3);
  for (let ms = 0; ms < 4 * T; ms += T / 2) {
    tick(lives, ms);
    settle(lives);
    expect(lives.flatMap(({ told }) => told)).toEqual([]);
  }
  tick(lives, 4 * T);
  settle(lives);
  const name = nameOf(listOf([...lives, null]));
  for (const { told } of lives) expect(told).toEqual([{ how: "begins", name }]);
  const two = four().slice(0, 2);
  for (let ms = 0; ms < 100 * T; ms += T / 2) {
    tick(two, ms);
    settle(two);
  }
  expect(two.flatMap(({ told }) => told)).toEqual([]);
});

test("X15 a member that missed every READY begins with the certificate that it is shown", () => {
  const lives = four();
  tick(lives, 0);
  settle(lives, ({ kind }, to) => to === 3 && (kind === "ready" || kind === "confirm"));
  expect(lives.map(({ told }) => told.length)).toEqual([1, 1, 1, 0]);
  for (const life of lives) life.host.clockMs = T;
  lives[3]!.naming.tick();
  settle(lives);
  expect(lives[3]?.told).toEqual(lives[0]!.told);
});

test("X15 a replica that starts late learns the name from n - f that run, not from fewer", () => {
  const lives = four();
  tick(lives, 0);
  settle(lives);
  const late = new Life(3, 77);
  const others = lives.slice(0, 3);
  const name = others[0]!.told[0]!.name;
  late.naming.tick();
  settle([...others, late], ({ kind }, to) => kind === "start" && to === 2);
  expect(late.told).toEqual([]);
  late.host.clockMs = T;
  late.naming.tick();
  settle([...others, late]);
  expect(late.told).toEqual([{ how: "learns", name }]);
});

test("X15 answers to the question of an earlier life do not count", () => {
  const name = new Uint8Array(32).fill(3);
  const nonce = new Uint8Array(16).fill(4);
  const where = { kind: "runs", name } as const;
  const told = (life: Life) => {
    for (const replica of [0, 1, 2]) {
      life.receive({ kind: "life", replica, to: 3, nonce, asked: 0, where, ready: null });
    }
    return life.told;
  };
  expect(told(new Life(3))).toEqual([]);
  expect(told(new Life(3, 3, 4, AnyAnswer))).toEqual([{ how: "learns", name }]);
});

test("X15 a leader that fails is followed by the next: locks and certificates go along", () => {
  const lives = four();
  tick(lives, 0);
  // All are locked on a list of which nobody hears the READYs.
  settle(lives, ({ kind }) => kind === "ready");
  const lost = (m: NamingMessage) => m.kind === "ready" && m.attempt === 0;
  for (let ms = T / 2; ms <= 4 * T && lives[0]!.told.length === 0; ms += T / 2) {
    tick(lives, ms);
    settle(lives, lost);
  }
  const name = nameOf(listOf(lives));
  for (const { told } of lives) expect(told).toEqual([{ how: "begins", name }]);
});

test("X15 only a list with its own nonce is confirmed, and begun with", () => {
  const [one, two, three] = four();
  const older = [new Life(0, 50), new Life(1, 51), new Life(2, 52), new Life(3, 53)];
  const lives = listOf(older);
  one!.naming.receive(
    packets.carried({ kind: "list", replica: 0, attempt: 0, lives, confirmed: null }),
    true,
  );
  expect(one!.host.takeKind("confirm")).toEqual([]);
  // A READY certificate of an earlier run, whoever shows it.
  const where = { ...NAMELESS, own: two!.naming.nonce };
  const { nonce } = one!.naming;
  const ready = certificate("ready", 0, lives);
  one!.receive({ kind: "life", replica: 1, to: 0, nonce, asked: 0, where, ready });
  expect(one!.told).toEqual([]);
  const own = listOf([one!, two!, three!, null]);
  const good = certificate("ready", 0, own);
  one!.receive({ kind: "life", replica: 1, to: 0, nonce, asked: 0, where, ready: good });
  expect(one!.told).toEqual([{ how: "begins", name: nameOf(own) }]);
});

test("X15 certificates need n - f members: others, and one that signs twice, do not count", () => {
  const [one, two, three] = four();
  const lives = listOf([one!, two!, three!, null]);
  const { nonce } = one!.naming;
  const where = { ...NAMELESS, own: two!.naming.nonce };
  for (const signers of [
    [0, 1],
    [0, 1, 3],
    [0, 1, 1],
  ]) {
    const ready = certificate("ready", 0, lives, signers);
    one!.receive({ kind: "life", replica: 1, to: 0, nonce, asked: 0, where, ready });
  }
  expect(one!.told).toEqual([]);
});

test("X15 a lock yields to what was certified later only", () => {
  const [, one, two, three] = four();
  const zero = new Life(0);
  const lock = listOf([zero, one!, two!, null]);
  const other = listOf([zero, one!, two!, three!]);
  const name = nameOf(lock);
  const confirmed = certificate("confirm", 0, lock);
  one!.receive({ kind: "ready", replica: 2, attempt: 0, name, confirmed });
  expect(one!.host.takeKind("ready")).toHaveLength(1);
  // Attempt 1 is led by this very replica, attempt 2 by replica 2.
  const lives = new Map([zero, two!, three!].map((life) => [life.self, life.naming.nonce]));
  for (const [replica, own] of lives) {
    const { nonce } = one!.naming;
    one!.receive({
      ...{
        kind: "life",
        replica,
        to: 1,
        nonce,
        asked: 0,
        where: { ...NAMELESS, own },
        ready: null,
      },
    });
    one!.receive({ kind: "next", replica, nonce: own, attempt: 2, confirmed: null });
  }
  one!.host.take();
  one!.receive({ kind: "list", replica: 2, attempt: 2, lives: other, confirmed: null });
  expect(one!.host.takeKind("confirm")).toEqual([]);
  const later = certificate("confirm", 1, other);
  one!.receive({ kind: "list", replica: 2, attempt: 2, lives: other, confirmed: later });
  expect(one!.host.takeKind("confirm").map((vote) => vote.name)).toEqual([nameOf(other)]);
});

test("X15 wishes for later attempts count of lives that answered, not of earlier ones", () => {
  const [one, two, three, last] = four();
  for (const life of [two!, three!, last!]) {
    const own = new Uint8Array(16).fill(9);
    one!.receive({ kind: "next", replica: life.self, nonce: own, attempt: 40, confirmed: null });
  }
  expect(one!.host.takeKind("next")).toEqual([]);
});

test("X15 one that is in a run asks anew which run the others are in", () => {
  const lives = four();
  tick(lives, 0);
  settle(lives);
  const [old] = lives;
  old!.naming.askAnew();
  settle(lives);
  expect(old!.told.at(-1)).toEqual({ how: "news", name: old!.told[0]!.name });
  const fresh = [new Life(1, 61), new Life(2, 62), new Life(3, 63)];
  // The leader of their first attempt is not there.
  for (let ms = 0; ms <= 8 * T; ms += T / 2) {
    tick(fresh, ms);
    settle(fresh);
  }
  old!.naming.askAnew();
  settle([old!, ...fresh]);
  expect(old!.told.at(-1)).toEqual({ how: "news", name: fresh[0]!.told[0]!.name });
});

test("X15 STARTs of hundreds of earlier lives do not use up the turn of the present one", () => {
  const life = new Life(0);
  const asking = { kind: "start", replica: 1, asked: 1, runs: false } as const;
  const nonces = Array.from({ length: 300 }, (_, i) => new Life(1, 100 + i).naming.nonce);
  const replay = () => {
    for (const nonce of nonces) life.receive({ ...asking, nonce });
  };
  for (let pause = 0; pause < 60; pause++) {
    life.host.clockMs = (pause * T) / 16;
    replay();
  }
  life.host.clockMs = 60 * T;
  replay();
  life.host.take();
  life.receive({ ...asking, nonce: new Life(1, 5).naming.nonce });
  expect(life.host.takeKind("life")).toHaveLength(1);
});

test("X15 certificates of no quorum are refused before their signatures are checked", () => {
  const [zero, one, two, three] = four();
  const lives = listOf([zero!, one!, two!, three!]);
  const others = listOf([null, one!, two!, three!]);
  tick([zero!], 0);
  const { nonce } = zero!.naming;
  for (const life of [one!, two!]) {
    const where = { ...NAMELESS, own: life.naming.nonce };
    const answer = { kind: "life", replica: life.self, to: 0, nonce, asked: 1 } as const;
    zero!.receive({ ...answer, where, ready: null });
  }
  const refused = (list: Bytes, signers: number[]) => {
    const name = nameOf(list);
    const ready = certificate("ready", 0, list, signers);
    const confirmed = certificate("confirm", 0, list, signers);
    const own = one!.naming.nonce;
    const messages: NamingMessage[] = [
      {
        ...{ kind: "life", replica: 1, to: 0, nonce, asked: 1 },
        where: { ...NAMELESS, own },
        ready,
      },
      { kind: "ready", replica: 1, attempt: 0, name, confirmed },
      { kind: "next", replica: 1, nonce: own, attempt: 3, confirmed },
    ];
    return messages.map((message) => zero!.naming.refuse(packets.carried(message), true) !== null);
  };
  expect(refused(lives, [0, 1, 2])).toEqual([false, false, false]);
  // That list concerns others only, as does their certificate, but the wish counts.
  expect(refused(others, [1, 2, 3])).toEqual([true, true, false]);
  for (const signers of [
    [0, 1],
    [0, 1, 1],
    [0, 1, 2, 3],
    [0, 1, 9],
  ]) {
    expect([signers, ...refused(lives, signers)]).toEqual([signers, true, true, true]);
  }
  const list = (confirmed: ListCertificate) =>
    zero!.naming.refuse(
      packets.carried({ kind: "list", replica: 0, attempt: 0, lives, confirmed }),
      true,
    );
  expect(list(certificate("confirm", 0, lives))).toBe(
    "not admitted: list with another's certificate",
  );
});

test("X15 what changes nothing is refused before its signatures are checked, again and again", () => {
  const [zero, one] = four();
  tick([zero!], 0);
  const { nonce } = zero!.naming;
  const own = one!.naming.nonce;
  const answer = { kind: "life", replica: 1, to: 0, nonce, asked: 1, ready: null } as const;
  const nameless: NamingMessage = { ...answer, where: { ...NAMELESS, own } };
  const next: NamingMessage = { kind: "next", replica: 1, nonce: own, attempt: 1, confirmed: null };
  const runs: NamingMessage = { ...answer, where: { kind: "runs", name: nameOf(own) } };
  for (const message of [nameless, next, runs]) {
    const carried = packets.carried(message);
    expect(zero!.naming.refuse(carried, true)).toBe(null);
    zero!.naming.receive(carried, true);
    expect(zero!.naming.refuse(carried, true)).toStartWith("not admitted: ");
  }
});

test("X15 STARTs of earlier lives, sent again and again, do not use up the turn of the present one", () => {
  const life = new Life(0);
  const asking = { kind: "start", replica: 1, asked: 1, runs: false } as const;
  const start = (seed: number) => {
    life.receive({ ...asking, nonce: new Life(1, seed).naming.nonce });
  };
  for (let i = 0; i < 200; i++) start(100 + (i % 16));
  const answered = life.host.takeKind("life").length;
  expect(answered).toBeLessThanOrEqual(16);
  life.host.clockMs = T;
  for (let i = 0; i < 200; i++) start(100 + (i % 16));
  life.host.take();
  start(5);
  expect(life.host.takeKind("life")).toHaveLength(1);
});

test("X15 CONFIRMs of an earlier run, whatever their attempt, keep none of this run out", () => {
  const lives = four();
  const name = nameOf(new Uint8Array(64).fill(9));
  const replay = () => {
    for (const life of lives) {
      for (const replica of [0, 1, 2, 3]) {
        for (const attempt of [0, 1, 40]) life.receive({ kind: "confirm", replica, attempt, name });
      }
    }
  };
  for (let ms = 0; ms <= T && lives[0]!.told.length === 0; ms += T / 2) {
    replay();
    tick(lives, ms);
    settle(lives, (message) => {
      if (message.kind === "confirm") replay();
      return false;
    });
  }
  const begun = nameOf(listOf(lives));
  for (const { told } of lives) expect(told).toEqual([{ how: "begins", name: begun }]);
});

test("X15 what a life answered that is no more does not hide the one that is there now", () => {
  const [one, two] = four();
  const again = new Life(1, 60);
  tick([one!], 0);
  const [start] = one!.host.takeKind("start");
  for (const life of [two!, again]) life.receive(start!);
  const [old] = two!.host.takeKind("life");
  const listed = () => {
    one!.host.take();
    for (const replica of [2, 3]) {
      const where = { ...NAMELESS, own: new Uint8Array(16).fill(replica) };
      const { nonce } = one!.naming;
      one!.receive({ kind: "life", replica, to: 0, nonce, asked: 0, where, ready: null });
    }
    return one!.host.takeKind("list").map(({ lives }) => new Uint8Array(lives.slice(16, 32)));
  };
  one!.receive(old!);
  tick([one!], T / 2);
  again.host.clockMs = T / 2;
  again.receive(one!.host.takeKind("start")[0]!);
  one!.receive(again.host.takeKind("life").at(-1)!);
  one!.receive(old!);
  expect(listed()).toEqual([new Uint8Array(again.naming.nonce)]);
});

test("X15 what those in a run ask anew, recorded, leaves turns for one that is in none", () => {
  const life = new Life(0);
  const start = (seed: number, runs: boolean) => {
    const { nonce } = new Life(1, seed).naming;
    life.receive({ kind: "start", replica: 1, nonce, asked: 1, runs });
  };
  for (let i = 0; i < 300; i++) start(100 + i, true);
  life.host.take();
  start(5, false);
  expect(life.host.takeKind("life")).toHaveLength(1);
});

test("X15 lives that are locked on a list whose others are no more begin with those that are there", () => {
  const [zero, one, two] = four();
  const last = new Life(3);
  // The last one is late, and one that nobody hears any more begins: two are locked.
  let lives = [zero!, one!, two!];
  const ready = (m: NamingMessage) => m.kind === "ready" && m.attempt === 0;
  let ms = 0;
  for (; ms <= 4 * T; ms += T / 2) {
    tick(lives, ms);
    settle(lives, ready);
  }
  lives = [one!, two!, last];
  for (; lives.some(({ told }) => told.length === 0) && ms < 300 * T; ms += T / 2) {
    tick(lives, ms);
    settle(lives);
  }
  const names = lives.flatMap(({ told }) => told.map(({ name }) => latin1(name)));
  expect(names).toHaveLength(3);
  expect(new Set(names).size).toBe(1);
});

test("X15 a list without a life that is known is not confirmed, so that no leader can leave one out", () => {
  const lives = four();
  const [zero, one, two, last] = lives;
  const left = listOf([zero!, one!, two!, null]);
  tick(lives, 0);
  // The leader is Byzantine: what it proposes lacks the last one.
  settle(lives, (message) => message.kind === "list");
  const list = { kind: "list", replica: 0, attempt: 0, lives: left, confirmed: null } as const;
  for (const life of [one!, two!, last!]) life.receive(list);
  for (const life of [one!, two!, last!]) expect(life.host.takeKind("confirm")).toEqual([]);
  const correct = [one!, two!, last!];
  for (let ms = T / 2; ms <= 4 * T; ms += T / 2) {
    tick(correct, ms);
    settle(correct);
  }
  for (const { told } of correct)
    expect(told).toEqual([{ how: "begins", name: nameOf(listOf(lives)) }]);
});

test("X15 one that tells each life another nonce delays a start, but stalls none", () => {
  const correct = [1, 2, 3].map((self) => new Life(self));
  let ms = 0;
  for (; correct.some(({ told }) => told.length === 0) && ms < 300 * T; ms += T / 2) {
    for (const life of correct) {
      const where = { ...NAMELESS, own: new Uint8Array(16).fill(life.self) };
      const { nonce } = life.naming;
      life.receive({
        ...{ kind: "life", replica: 0, to: life.self, nonce, asked: 0, where, ready: null },
      });
    }
    tick(correct, ms);
    settle(correct);
  }
  const names = correct.flatMap(({ told }) => told.map(({ name }) => latin1(name)));
  expect(names).toHaveLength(3);
  expect(new Set(names).size).toBe(1);
});
