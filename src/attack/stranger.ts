// The process of a stranger: prepares, says that it attacks, and tells in the end what it sent and
// got. In a process of its own, so that the processor time that it takes is the kernel's to divide.

import type { ArgsDef } from "citty";
import type { Command, Options } from "../cli/command-line.ts";
import { parseAddress, readDeployConfig } from "../config.ts";
import { followCluster, stopFlag } from "../process/signals.ts";
import { protocols } from "../protocol/index.ts";
import { UsageError } from "../base/errors.ts";
import { Arms, type AttackingHost, type Send, type Traffic } from "./arms.ts";
import { MODES } from "./crafted.ts";
import { processorSeconds } from "./processor-time.ts";
import { STRANGERS } from "./strangers.ts";
import { log } from "../base/logger.ts";

const ARGS = {
  mode: {
    type: "enum",
    options: [...MODES],
    alias: "m",
    required: true,
    description: "The protocol",
  },
  config: {
    type: "string",
    alias: "c",
    required: true,
    valueHint: "PREFIX",
    description: "Reads PREFIX.config: whom to attack",
  },
  attack: {
    type: "enum",
    options: [...STRANGERS.keys()],
    required: true,
    description: "What to do",
  },
  seconds: {
    type: "string",
    default: "5",
    valueHint: "SECONDS",
    description: "For how long",
  },
  rate: {
    type: "string",
    default: "1",
    valueHint: "SHARE",
    description: "How much of the attack's own rate",
  },
  host: {
    type: "string",
    default: "127.0.0.2",
    valueHint: "IP",
    description: "Its own IPv4 address; those of others whose name it uses come behind it",
  },
  json: {
    type: "string",
    valueHint: "FILE",
    description: "Write what was sent and what came back",
  },
} as const satisfies ArgsDef;

export const STRANGER: Command = {
  name: "stranger",
  description: "An attacker that holds no key, for npm run attack",
  args: ARGS,
};

/** What a stranger prints when it begins. */
export const ATTACKS = "attacks";
/** How long it may need to prepare. */
const PREPARE_MS = 20_000;
/** A turn without work. */
const IDLE_US = 200;
/** Rounds in one turn: one that fell behind does not catch up by a burst. */
const ROUNDS_MAX = 500;

/** What a stranger tells in the end. */
export interface StrangerRecord {
  readonly rounds: number;
  /** Processor time from when it began to attack. */
  readonly processorSeconds: number;
  /** Of the host that receives like any other, then of those in whose name it sent. */
  readonly own: Exchange;
  readonly victims: readonly Exchange[];
}

export interface Exchange {
  readonly sent: Traffic;
  readonly received: Traffic;
}

/** Attacks for so long; 1 if it could not prepare. Throws UsageError. */
export function runStranger(options: Options): number {
  const mode = options.textOf("mode");
  const protocol = protocols.get(mode);
  const stranger = STRANGERS.get(options.textOf("attack"));
  if (protocol === undefined || stranger === undefined) throw new UsageError("no such attack");
  const rate = stranger.perSecond * options.decimal("rate", 0, 1000);
  const lengthMs = 1000 * options.decimal("seconds", 0, 3600);
  const json = options.output("json");
  const host = parseHost(options.textOf("host"));
  const arms = new Arms(mode, protocol.codec, readDeployConfig(options.textOf("config")), host);
  followCluster(arms.native);
  const stopped = stopFlag(arms.native);
  const { clock } = arms;
  let send: Send | null = null;
  let beginMs = Infinity;
  let preparedSeconds = 0;
  let rounds = 0;
  clock.update();
  const giveUpMs = clock.now + PREPARE_MS;
  stranger.prepare(arms, (ready) => {
    send = ready;
    beginMs = clock.now;
    preparedSeconds = processorSeconds([process.pid]);
    log.info(ATTACKS);
  });
  while (!stopped() && clock.now - beginMs < lengthMs && (send !== null || clock.now < giveUpMs)) {
    clock.update();
    let done = arms.poll() + clock.poll();
    const due = Math.floor(((clock.now - beginMs) * rate) / 1000);
    for (let turn = 0; send !== null && rounds < due && turn < ROUNDS_MAX; turn++) {
      call(send, rounds++);
      done++;
    }
    if (done === 0) arms.native.oskr_sleep_us(IDLE_US);
  }
  arms.poll();
  const record: StrangerRecord = {
    rounds,
    processorSeconds: processorSeconds([process.pid]) - preparedSeconds,
    own: exchange(arms.own),
    victims: arms.victims.map(exchange),
  };
  arms.close();
  json?.writeJson(record);
  if (send !== null) return 0;
  log.error("could not prepare: nobody answered");
  return 1;
}

/** Throws UsageError. */
function parseHost(text: string): Uint8Array {
  const address = parseAddress(`${text}:1%0`);
  if (address?.kind !== "ipv4") throw new UsageError(`--host ${text}: not an IPv4 address`);
  return address.host.slice(0, 4);
}

function call(send: Send, round: number): void {
  send(round);
}

function exchange({ outgoing, incoming }: AttackingHost): Exchange {
  return { sent: outgoing, received: incoming };
}
