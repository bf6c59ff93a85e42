// How long an operation takes when nothing else is under way, and how soon a batch can follow
// another: the critical path over a protocol's phases, each of which ends with the message that
// completes a quorum. docs/scaling.md explains it.

import { assert } from "../base/assert.ts";
import { quorumsOf } from "../protocol/kit/quorum.ts";
import { IN_FLIGHT_MAX } from "../protocol/pbft/normal.ts";
import type { Costs } from "./cost-model.ts";
import { oneWayUs, type NetworkModel } from "./network-model.ts";

export interface PathOptions {
  readonly mode: string;
  readonly n: number;
  readonly f: number;
  /** Whether replies, and what replicas send each other, are signed. */
  readonly signed: boolean;
  /** Whether one leader stays; otherwise each view has the next, and any may be the first. */
  readonly fixedLeader: boolean;
  readonly network: NetworkModel;
  readonly costs: Costs;
  /** Checks that a process makes at the same time. */
  readonly workers: number;
}

/** Places and prices of one path; replicas are 0..n-1. */
interface Path {
  readonly n: number;
  readonly quorum: number;
  readonly weak: number;
  leader(view: number): number;
  /** From one replica's hands into another's. */
  hopUs(from: number, to: number): number;
  /** Between the client and a replica, either way. */
  clientUs(replica: number): number;
  readonly signUs: number;
  readonly checkUs: number;
  readonly workers: number;
}

export interface Timing {
  /** From the client's request to its result, in microseconds. */
  readonly latencyUs: number;
  /** Between two batches, as far as the protocol has one wait for another; 0 if it does not. */
  readonly batchUs: number;
}

type Model = (path: Path) => Timing;

const MODELS: ReadonlyMap<string, Model> = new Map<string, Model>([
  ["unreplicated", unreplicatedTiming],
  ["unreplicated-signed", unreplicatedTiming],
  ["pbft", pbftTiming],
  ["hotstuff", hotstuffTiming],
]);

/**
 * The mean timing for clients at each of the network's sites, over which the replicas are dealt in
 * turn; null for a protocol whose phases nobody has described.
 */
export function unloadedTiming(options: PathOptions): Timing | null {
  const model = MODELS.get(options.mode);
  if (model === undefined) return null;
  const { network, n, fixedLeader } = options;
  const leaders = Array.from({ length: fixedLeader ? 1 : n }, (_, first) => first);
  const all = network.sites.flatMap((_, site) =>
    leaders.map((first) => model(pathOf(options, site, first))),
  );
  const mean = (of: (timing: Timing) => number): number =>
    all.reduce((sum, timing) => sum + of(timing), 0) / all.length;
  return { latencyUs: mean(({ latencyUs }) => latencyUs), batchUs: mean(({ batchUs }) => batchUs) };
}

function pathOf(options: PathOptions, clientSite: number, firstLeader: number): Path {
  const { n, f, signed, network, costs, workers, fixedLeader } = options;
  const { quorum, weak } = n === 1 ? { quorum: 1, weak: 1 } : quorumsOf({ n, f });
  const endsUs = 2 * (costs.messageUs + costs.packetUs);
  const site = (replica: number): number => replica % network.sites.length;
  return {
    n,
    quorum,
    weak,
    leader: (view) => (fixedLeader ? firstLeader : (firstLeader + view) % n),
    hopUs: (from, to) => endsUs + oneWayUs(network, site(from), site(to)),
    clientUs: (replica) => endsUs + oneWayUs(network, clientSite, site(replica)),
    signUs: signed ? costs.signUs + costs.leafUs : 0,
    checkUs: signed ? costs.verifyUs + costs.climbUs : 0,
    workers,
  };
}

/**
 * When `needed` messages are known to hold: those that arrive at `arrivalsUs` are checked in turn,
 * by so many workers; what is there without a check counts from `ownUs` on.
 */
export function gatheredUs(
  arrivalsUs: readonly number[],
  needed: number,
  checkUs: number,
  workers: number,
  ownUs?: number,
): number {
  const free = new Array<number>(workers).fill(-Infinity);
  const held = ownUs === undefined ? [] : [ownUs];
  for (const arrivalUs of [...arrivalsUs].sort((a, b) => a - b)) {
    const next = free.indexOf(Math.min(...free));
    const doneUs = Math.max(arrivalUs, free[next] ?? 0) + checkUs;
    free[next] = doneUs;
    held.push(doneUs);
  }
  assert(needed >= 1 && needed <= held.length, "more messages are needed than there will be");
  return held.sort((a, b) => a - b)[needed - 1] ?? Number.NaN;
}

function repliesUs(path: Path, executedUs: readonly number[]): number {
  const { weak, signUs, checkUs, workers } = path;
  const arrivals = executedUs.map((us, i) => us + signUs + path.clientUs(i));
  return gatheredUs(arrivals, weak, checkUs, workers);
}

function unreplicatedTiming(path: Path): Timing {
  return { latencyUs: repliesUs(path, [path.clientUs(0)]), batchUs: 0 };
}

/**
 * Castro and Liskov, OSDI '99, section 4.2: request, pre-prepare, prepare, commit, reply. The
 * primary has a number of batches under way at a time.
 */
function pbftTiming(path: Path): Timing {
  const { n, quorum, signUs, checkUs, workers } = path;
  const primary = path.leader(0);
  const replicas = Array.from({ length: n }, (_, i) => i);
  const proposedUs = path.clientUs(primary) + signUs;
  const accepted = replicas.map((i) =>
    i === primary ? proposedUs : proposedUs + path.hopUs(primary, i) + checkUs,
  );
  const at = (times: readonly number[], i: number): number => times[i] ?? Number.NaN;
  /** All-to-all: what each sent is signed first, and its own needs no check. */
  const exchange = (sentUs: readonly number[], senders: readonly number[], needed: number) =>
    replicas.map((to) => {
      const others = senders.filter((from) => from !== to);
      const arrivals = others.map((from) => at(sentUs, from) + path.hopUs(from, to));
      const own = senders.includes(to) ? at(sentUs, to) : undefined;
      return gatheredUs(arrivals, needed, checkUs, workers, own);
    });
  const prepares = accepted.map((us) => us + signUs);
  const backups = replicas.filter((i) => i !== primary);
  const prepared = exchange(prepares, backups, quorum - 1).map((us, i) =>
    Math.max(us, at(accepted, i)),
  );
  const commits = prepared.map((us) => us + signUs);
  const executed = exchange(commits, replicas, quorum);
  const underWayUs = at(executed, primary) - path.clientUs(primary);
  return { latencyUs: repliesUs(path, executed), batchUs: underWayUs / IN_FLIGHT_MAX };
}

/** Blocks of which each certifies the one before. */
const CHAIN = 3;

/**
 * Chained HotStuff (Yin et al., PODC '19, section 6): a block is committed by the QC of the second
 * block after it, which its leader makes and the proposal after that brings to the others. Each
 * view has a block, and begins with the QC of the last.
 */
function hotstuffTiming(path: Path): Timing {
  const { n, quorum, signUs, checkUs, workers } = path;
  const replicas = Array.from({ length: n }, (_, i) => i);
  // A proposal is signed and has a QC of signatures, which are checked one after another.
  const proposalCheckUs = (1 + quorum) * checkUs;
  const received = (view: number, decidedUs: number): readonly number[] => {
    const leader = path.leader(view);
    return replicas.map((i) =>
      i === leader ? decidedUs : decidedUs + signUs + path.hopUs(leader, i) + proposalCheckUs,
    );
  };
  const startUs = path.clientUs(path.leader(0));
  let decidedUs = startUs;
  for (let view = 0; view < CHAIN; view++) {
    const next = path.leader(view + 1);
    const votes = received(view, decidedUs).map((us) => us + signUs);
    const arrivals = votes.map((us, i) => us + path.hopUs(i, next)).filter((_, i) => i !== next);
    decidedUs = gatheredUs(arrivals, quorum, checkUs, workers, votes[next]);
  }
  const latencyUs = repliesUs(path, received(CHAIN, decidedUs));
  return { latencyUs, batchUs: (decidedUs - startUs) / CHAIN };
}
