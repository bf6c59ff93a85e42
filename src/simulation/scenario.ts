// Scenario scripts: commands to a small cluster without chance, and the trace that they must give.
//
//   # What it shows, in prose.
//   > cluster n=4 f=1 timeout=100          also batch=1 batch-bytes=1048576 checkpoint=4 clients=1
//                                          tenure=1 reputation=0 sequencers=1 seed=0 latency=1-2
//                                          loss=0 operations=0 think=5 auth=none
//   > seed short 81234                     instead: the run of a seed, with all that befalls it
//   > show prepare commit timer.view       what to print: kinds, timers, crashes, starts; or all
//   > invoke c0 put k0 hello               get, put, append, delete; the answer is printed
//   > run 50                               milliseconds
//   > drop commit from=r1 to=r2            kind or *, from and to optional; until `heal`
//   > hold commit from=r1 to=r2            the same, but kept; until `release`
//   > cut r0 | r1 r2 r3 c0                 only those on one side hear each other; until `heal`
//   > pass                                 nothing more is kept
//   > release                              the same, and what is kept arrives, in order
//   > heal   > crash r0   > start r0   > pause r1 50   > census
//   > until 12.5                           runs all that is due by then, since the beginning
//   > cutoff r0   > join r0                nobody hears it until it joins again
//   > twin r0     > byzantine r0 silence+late
//   > drop #118   > delay #118 10          the message of that number, on its way
//   > ask 5       > judge      > hash      clients ask more; what is judged when a run is over;
//                                          the trace hash
//
// Lines below a command are what it printed.

import { BATCH_BYTES_DEFAULT, type RequestAuth } from "../protocol-config.ts";
import { decodeKvResult, encodeKvOperation, type KvOperation } from "../app/operation.ts";
import { assert } from "../base/assert.ts";
import { smallestCluster } from "../protocol/index.ts";
import { stamp, type Issued } from "./judge.ts";
import { unreadOf, type PacketContent } from "./packet-content.ts";
import { isProof, type Packet } from "./simulated-packet.ts";
import { calmPlan } from "./calm-plan.ts";
import { Hand, perform } from "./hand.ts";
import { Interception } from "./interception.ts";
import { VERBS, type Verb } from "./play.ts";
import { startAll } from "./play-run.ts";
import { tricksOf } from "./play-link.ts";
import type { Process } from "./process.ts";
import { judgeWhole } from "./run-seed.ts";
import { beginAny } from "./runner.ts";
import type { Plan } from "./seed-plan.ts";
import type { Kind, Subject } from "./subject.ts";
import { messageText } from "./trace.ts";
import type { Observer } from "./observer.ts";
import { World } from "./world.ts";

/** Every packet takes this long. */
const DELAY_US = 1000;
const THINK_MS = 5;

/**
 * Runs a script; gives it with the output that it has now. Throws on a command that it does not
 * know.
 */
export function runScript(subject: Subject, script: string): string {
  const runner = new Script(subject);
  const out: string[] = [];
  for (const line of script.split("\n")) {
    if (line.startsWith("#") || (line === "" && !runner.begun)) out.push(line);
    if (!line.startsWith(">")) continue;
    if (runner.begun) out.push("");
    out.push(line);
    out.push(...runner.command(line.slice(1).trim().split(/\s+/)));
  }
  return `${out.join("\n")}\n`;
}

/** Packets that a command is about. */
interface DropRule {
  readonly kind: string;
  readonly from: string | null;
  readonly to: string | null;
}

function ruleOf([kind = "*", ...rest]: readonly string[]): DropRule {
  const option = (name: string) =>
    rest.find((word) => word.startsWith(`${name}=`))?.slice(name.length + 1) ?? null;
  return { kind, from: option("from"), to: option("to") };
}

class Script implements Observer {
  begun = false;
  readonly #subject: Subject;
  #world: World | null = null;
  readonly #interception = new Interception();
  #hand: Hand | null = null;
  #shown: readonly string[] = [];
  #drops: DropRule[] = [];
  #holds: DropRule[] = [];
  #held: { readonly from: Process; readonly to: Process; readonly packet: Packet }[] = [];
  #sides: ReadonlyMap<string, number> | null = null;
  #lines: string[] = [];
  #number = 0;

  constructor(subject: Subject) {
    this.#subject = subject;
  }

  command([name = "", ...words]: readonly string[]): string[] {
    this.begun = true;
    if (name === "cluster") this.#cluster(words);
    else if (name === "seed") this.#seed(words);
    else this.#act(name, words);
    const world = this.#running();
    for (const failure of world.failures.splice(0)) this.#lines.push(`VIOLATION ${failure}`);
    return this.#lines.splice(0);
  }

  arrived(atUs: number, from: Process, to: Process, packet: Packet): void {
    if (isProof(packet)) return;
    const kind = this.#kindOf(packet.content);
    if (this.#shown.length > 0 && !this.#shown.includes(kind)) return;
    const text = messageText(this.#subject.protocol, packet.content);
    this.#print(atUs, `${from.name} -> ${to.name}  ${text}`);
  }

  happened(atUs: number, process: Process, what: string): void {
    const [first = "", second = ""] = what.split(" ");
    const kind = first === "timeout" ? `timer.${second}` : first;
    if (this.#shown.length > 0 && !this.#shown.includes(kind)) return;
    this.#print(atUs, `${process.name}  ${what}`);
  }

  #print(atUs: number, text: string): void {
    this.#lines.push(`${(atUs / 1000).toFixed(1).padStart(8)}  ${text}`);
  }

  #running(): World {
    const world = this.#world;
    if (world === null) throw new Error("a script begins with `> cluster`");
    return world;
  }

  #cluster(words: readonly string[]): void {
    const options = new Map(words.map((word) => word.split("=") as [string, string]));
    const number = (name: string, otherwise: number) => Number(options.get(name) ?? otherwise);
    const smallest = smallestCluster(this.#subject.protocol, 1);
    const [least = "", most = least] = (options.get("latency") ?? `${DELAY_US / 1000}`).split("-");
    const chosen = {
      ...{ seed: number("seed", 0), n: number("n", smallest.n), f: number("f", smallest.f) },
      ...{ clients: number("clients", 1), operations: number("operations", 0) },
      thinkUs: number("think", THINK_MS) * 1000,
      ...{ delayMinUs: Number(least) * 1000, delayMaxUs: Number(most) * 1000 },
      ...{ loss: number("loss", 0) / 100, viewTimeoutMs: number("timeout", 100) },
      requestAuth: (options.get("auth") ?? "none") as RequestAuth,
    };
    const plan: Plan = {
      ...calmPlan(this.#subject, chosen),
      batchMax: number("batch", 1),
      batchBytesMax: number("batch-bytes", BATCH_BYTES_DEFAULT),
      tenure: number("tenure", 1),
      reputation: number("reputation", 0) === 1,
      checkpointInterval: number("checkpoint", 4),
      sequencers: number("sequencers", 1),
      censusEvery: 1,
    };
    const world = new World({
      ...{ subject: this.#subject, plan, observer: this, interception: this.#interception },
      filter: (from, to, packet) => this.#passes(from, to, packet),
    });
    this.#begin(world);
    startAll(world);
    this.#lines = [];
  }

  #seed([kind = "", number = ""]: readonly string[]): void {
    if (!this.#subject.kinds.includes(kind as Kind) || kind === "codec") {
      throw new Error(`no runs of kind '${kind}'`);
    }
    const options = { subject: this.#subject, kind: kind as Kind, seed: Number(number) };
    this.#begin(beginAny({ ...options, observer: this, interception: this.#interception }));
    this.#lines = [];
  }

  #begin(world: World): void {
    this.#world = world;
    this.#hand = new Hand(world, this.#interception);
  }

  #act(name: string, words: readonly string[]): void {
    const world = this.#running();
    const [first = ""] = words;
    switch (name) {
      case "show":
        this.#shown = words;
        return;
      case "run":
        this.#run(Number(first) * 1000);
        return;
      case "invoke":
        this.#invoke(first, words.slice(1));
        return;
      case "until":
        world.run(Number(first) * 1000, () => false);
        world.scheduler.moveTo(Number(first) * 1000);
        return;
      case "hash":
        this.#lines.push(`          ${world.scheduler.traceHash}`);
        return;
      case "judge":
        if (world.failures.length === 0) judgeWhole(world);
        return;
      case "drop":
        if (first.startsWith("#")) this.#perform("drop", words);
        else this.#drops.push(ruleOf(words));
        return;
      case "cutoff":
        this.#perform("cut", words);
        return;
      case "hold":
        this.#holds.push(ruleOf(words));
        return;
      case "pass":
        this.#holds = [];
        return;
      case "release":
        this.#release();
        return;
      case "cut":
        this.#cut(words);
        return;
      case "heal":
        this.#drops = [];
        this.#sides = null;
        return;
      case "census":
        this.#census();
        return;
      default:
        this.#perform(name, words);
    }
  }

  #run(forUs: number): void {
    const world = this.#running();
    let over = false;
    world.scheduler.after(null, forUs, () => (over = true));
    world.run(Infinity, () => over);
  }

  /** What a play has as well. */
  #perform(name: string, words: readonly string[]): void {
    const verb = (Object.keys(VERBS) as Verb[]).find((one) => one === name);
    if (verb === undefined || this.#hand === null) throw new Error(`unknown command '${name}'`);
    const [target = "", value = ""] = VERBS[verb].target === "none" ? ["", ...words] : words;
    const action = { verb, target: target.replace("#", ""), value: tricksOf(value) };
    if (!perform(this.#hand, action)) throw new Error(`'${name} ${words.join(" ")}' does nothing`);
  }

  #invoke(name: string, [kind = "", key = "", value = ""]: readonly string[]): void {
    const world = this.#running();
    const index = world.clientProcesses.findIndex((process) => process.name === name);
    const client = world.clientProcesses[index]?.hosted[0]?.client;
    if (client === undefined || client === null) throw new Error(`there is no client '${name}'`);
    const number = ++this.#number;
    const op = stamp(index, number, encodeKvOperation(operationOf(kind, key, value)));
    const issued: Issued = {
      client: index,
      op,
      sentUs: world.scheduler.nowUs,
      doneUs: Infinity,
      result: null,
      position: -1,
      waiting: true,
    };
    world.issue(issued, number);
    client.invoke(op, (answer) => {
      issued.waiting = false;
      if (answer !== null) {
        issued.doneUs = world.scheduler.nowUs;
        world.ledger.accept(name, issued, answer);
      }
      const saw = answer === null ? "its session was lost" : `saw ${resultText(issued)}`;
      this.#print(world.scheduler.nowUs, `${name}  ${kind} ${key} ${saw}`);
    });
  }

  /** What is kept leaves now, and nothing more is kept. */
  #release(): void {
    this.#holds = [];
    const { scheduler } = this.#running();
    for (const { from, to, packet } of this.#held.splice(0)) {
      scheduler.after(to, DELAY_US, () => to.arrive(from, packet));
    }
  }

  #cut(words: readonly string[]): void {
    const sides = new Map<string, number>();
    let side = 0;
    for (const word of words) {
      if (word === "|") side++;
      else sides.set(word, side);
    }
    this.#sides = sides;
  }

  #passes(from: Process, to: Process, packet: Packet): boolean {
    const sides = this.#sides;
    if (sides !== null && sides.get(from.name) !== sides.get(to.name)) return false;
    if (isProof(packet)) return true;
    const kind = this.#kindOf(packet.content);
    const applies = (rule: DropRule): boolean =>
      (rule.kind === "*" || rule.kind === kind) &&
      (rule.from === null || rule.from === from.name) &&
      (rule.to === null || rule.to === to.name);
    if (this.#drops.some(applies)) return false;
    if (!this.#holds.some(applies)) return true;
    this.#held.push({ from, to, packet });
    return false;
  }

  #kindOf(content: PacketContent): string {
    const message = content.read(this.#subject.protocol);
    return message !== null && "kind" in message ? String(message.kind) : unreadOf(content);
  }

  #census(): void {
    for (const { process, replica } of this.#running().replicas) {
      if (replica === null) {
        this.#lines.push(`          ${process.name}  down`);
        continue;
      }
      const { view, committed, executed, phase } = replica.census();
      const state = `view=${view} committed=${committed} executed=${executed}`;
      this.#lines.push(
        `          ${process.name}  ${state}${phase === "running" ? "" : ` ${phase}`}`,
      );
    }
  }
}

function operationOf(kind: string, keyText: string, valueText: string): KvOperation {
  const key = new Uint8Array(Buffer.from(keyText));
  const value = new Uint8Array(Buffer.from(valueText));
  switch (kind) {
    case "get":
    case "delete":
      return { kind, key };
    case "put":
    case "append":
      return { kind, key, value };
    default:
      throw new Error(`unknown operation '${kind}'`);
  }
}

function resultText({ result }: Issued): string {
  const decoded = result === null ? null : decodeKvResult(result);
  assert(decoded !== null, "an accepted result is one of kv");
  if (decoded.kind === "error") return decoded.error;
  return decoded.value === null ? "nothing" : `'${Buffer.from(decoded.value).toString()}'`;
}
