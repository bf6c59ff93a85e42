// Why no answer comes: what did come and was dropped, by its reasons, and what may be behind them.

import { describeErrno } from "../base/errno.ts";
import type { Counts } from "../evaluation/refusals.ts";

/** What a reason for which messages or packets were dropped may mean; others say it themselves. */
const MEANINGS: { readonly [reason: string]: string } = {
  forged: "other keys there, or another --instance, --mode, f or number of replicas?",
  malformed: "another --mode, --mtu or version there, or somebody else's packets?",
  "malformed ids": "another version there, or somebody else's packets?",
  "malformed packet": "another --mtu or version there, or somebody else's packets?",
  "malformed fragment": "another --mtu or version there, or somebody else's packets?",
  "of another run": "was a part of the cluster started again?",
  "unknown id": "another id in the configuration there?",
  "for another host": "another MAC address in the configuration, or a switch that floods?",
  "from a stranger": "replicas at addresses that the configuration has not?",
  "from an address that no client can have":
    "replicas at other ids or addresses than the configuration has?",
  "from an unproven address": "what is sent back does not arrive there?",
  "wrong proof of an address": "what is sent back does not arrive there?",
  "to an unproven address": "what they send does not arrive here?",
  "lost on purpose": "by --drop",
  "dropped by the kernel": "the socket was full: this process gets too little of a processor",
  "socket full": "the network takes less than is sent",
  missed: "the port was full: this process gets too little of a processor",
  foreign: "other traffic: is it the right port?",
  unsent: "the send ring was full, or the link down",
  "incomplete message": "packets of large messages are lost: a smaller MTU on the way?",
};

/** Reasons that a few packets meet wherever all is well, and how many are more than a few. */
const USUAL = new Set(["from an unproven address", "foreign", "for another host"]);
const FEW = 10;

/** Reasons that packets met on their way out, as transports name them. */
const NOT_SENT = /^not sent \((.*)\)$/;

/**
 * A phrase for each reason that tells something, the most frequent first. `smallMtu` is that of the
 * port, if it is less than frames need.
 */
export function explainDrops(dropped: Counts, smallMtu: number | null): readonly string[] {
  const counts = Object.entries(dropped).toSorted(([, a], [, b]) => b - a);
  const telling = counts.filter(([reason, count]) => count >= FEW || !USUAL.has(reason));
  return telling.map(([reason, count]) => {
    const packets = count === 1 ? "1 packet" : `${count} packets`;
    const [, errno] = NOT_SENT.exec(reason) ?? [];
    if (errno !== undefined) return `${packets} could not be sent: ${describeErrno(errno)}`;
    if (reason === "longer than the MTU") {
      return `${packets} could not be sent: longer than the port's MTU of ${smallMtu ?? "?"}`;
    }
    if (reason === "send errors") return `${packets} could not be sent: the driver refused them`;
    const meaning = MEANINGS[reason];
    return meaning === undefined ? `${count} ${reason}` : `${count} ${reason}: ${meaning}`;
  });
}

export interface Silence {
  /** Replicas, and those of them from which nothing ever came. */
  readonly n: number;
  readonly silent: readonly number[];
  readonly dropped: Counts;
  readonly smallMtu: number | null;
  /** What a replica says against this process; null: nothing. */
  readonly doubt: string | null;
}

/** Why clients may be without any reply. */
export function explainSilence({ n, silent, dropped, smallMtu, doubt }: Silence): string {
  const heard = explainHeard(
    n,
    silent.filter((address) => address < n),
  );
  return [heard, ...explainDrops(dropped, smallMtu), ...(doubt === null ? [] : [doubt])].join("; ");
}

function explainHeard(n: number, silent: readonly number[]): string {
  if (silent.length > 0) {
    const who = n === 1 ? "it" : silent.length === n ? "any of them" : listed(silent);
    return `nothing came from ${who}: running, and at the configuration's address?`;
  }
  if (n === 1) return "it is there, and answers no request: what does it print?";
  return "all are there, and answer no request: what do they print?";
}

function listed(replicas: readonly number[]): string {
  return `${replicas.length === 1 ? "replica" : "replicas"} ${replicas.join(", ")}`;
}

/** A warning about a port on which long frames are lost; none if it takes all. */
export function mtuWarnings(smallMtu: number | null): readonly string[] {
  if (smallMtu === null) return [];
  return [
    `the port's MTU is ${smallMtu}, and frames may need 1500: longer ones are lost; ` +
      "ip link set dev NAME mtu 1500",
  ];
}
