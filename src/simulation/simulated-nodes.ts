// The nodes of a world: the real Node over the simulated drivers.

import type { Bytes, Proof, Sealed } from "../actor.ts";
import { assert } from "../base/assert.ts";
import type { Random } from "../base/seeded-random.ts";
import type { WireAddress } from "../config.ts";
import { Node } from "../node.ts";
import { bodiesOf, type BodyExchange } from "../protocol/kit/bodies.ts";
import type { CodecMonitor } from "./codec-monitor.ts";
import type { Epochs } from "./epochs.ts";
import type { Network } from "./network.ts";
import type { Watch } from "./observer.ts";
import type { Process } from "./process.ts";
import type { RunNotes } from "./run-notes.ts";
import type { Scheduler } from "./scheduler.ts";
import type { Plan } from "./seed-plan.ts";
import { SimulatedClock } from "./simulated-clock.ts";
import type { SimulatedKeys } from "./simulated-keys.ts";
import { SimulatedStage } from "./simulated-stage.ts";
import { GROUP_ADDRESS, simulatedAddress, SimulatedTransport } from "./simulated-transport.ts";

export interface SimulatedNodesOptions {
  readonly plan: Plan;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly keys: SimulatedKeys;
  /** Where it is not the one of all. */
  readonly stage: typeof SimulatedStage | undefined;
  /** As of a subject. */
  readonly bodies: typeof BodyExchange | undefined;
  readonly notes: RunNotes | null;
  readonly epochs: Pick<Epochs, "markOf">;
  readonly network: Network;
  readonly monitor: CodecMonitor;
  readonly watch: Watch | null;
  /** Addresses of processes that are neither replicas nor clients. */
  readonly others: readonly WireAddress[];
  /** When the network becomes quiet. */
  readonly gstUs: () => number;
  readonly fail: (what: string) => void;
}

export class SimulatedNodes {
  readonly #options: SimulatedNodesOptions;
  readonly #replicas: readonly WireAddress[];

  constructor(options: SimulatedNodesOptions) {
    this.#options = options;
    this.#replicas = Array.from({ length: options.plan.n }, (_, i) => simulatedAddress(i, i));
  }

  /** A node in the process; the first of a process brings it up. */
  make(process: Process, id: number, self: number | null): Node<Sealed, string> {
    const { plan, scheduler, network, others, monitor } = this.#options;
    // Strangers' hosts are behind those of other roles.
    const role = process.host - plan.n - plan.clients;
    const born = `${process.index}.${process.incarnation}`;
    const random = this.#options.random.stream(`process ${born}`);
    const speed = plan.speeds[process.host] ?? 1;
    const clock = new SimulatedClock(scheduler, process, speed, random.int(1_000_000));
    if (process.transport === null) {
      process.up = true;
      process.transport = new SimulatedTransport(network, process, plan.payloadMax, {
        replicas: this.#replicas,
        others,
        multicast: plan.multicast ? GROUP_ADDRESS : null,
        member: self !== null,
        configured: self !== null || (role >= 0 && role < others.length),
        clock,
        random: (bound) => random.int(bound),
      });
    }
    const dice = this.#options.random.stream(`node ${born} ${id}`);
    const stage = this.#stage(process, self, this.#options.random.stream(`stage ${born} ${id}`));
    const { transport } = process;
    assert(transport !== null, "the process is up");
    const codec = monitor.codecOf(process);
    const { watch } = this.#options;
    return new Node<Sealed, string>({
      id,
      self,
      n: plan.n,
      codec: watch === null ? codec : watch.codecOf(process, id, codec),
      transport,
      stage,
      clock,
      random: (bound) => dice.int(bound),
      ...(watch === null ? {} : { drops: watch.dropsOf(process, id) }),
      bodies: bodiesOf(plan, self, this.#options.bodies),
      requestsSigned: plan.requestAuth === "sign",
    });
  }

  #stage(owner: Process, self: number | null, random: Random): SimulatedStage {
    const { plan, scheduler, keys, notes, epochs, gstUs, fail } = this.#options;
    const quickUs = Math.ceil((plan.viewTimeoutMs * 1000) / 100);
    const signUs = (): number => (scheduler.nowUs < gstUs() ? plan.signUs : quickUs);
    // A process that starts anew has a fresh one.
    const key = self === null ? keys.clientKey(owner.index * 256 + owner.incarnation) : null;
    const Made = this.#options.stage ?? SimulatedStage;
    return new Made({
      scheduler,
      owner,
      random,
      keys,
      kind: plan.signature,
      self,
      ...(plan.requestAuth === "sign" ? { requests: { key } } : {}),
      credulous: owner.byzantine && self !== null && plan.kind === "invent",
      signUs,
      verifyUs: () => signUs() / 4,
      signsTwice: () => fail(`certificates: ${owner.name} signs twice by a one-time key`),
      noteSigned: (signed, run) => {
        if (self !== null) notes?.note(self, signed, epochs.markOf(run));
      },
      judged: (proofs, run, valid) => this.#judge(owner, proofs, run, valid),
    });
  }

  #judge(owner: Process, proofs: readonly Proof[], run: Bytes | null, valid: boolean): void {
    const { plan, notes, epochs, monitor, fail } = this.#options;
    this.#options.watch?.judged(owner, proofs);
    const mark = epochs.markOf(run);
    const correct = ({ signer }: Proof): boolean => !plan.byzantine.includes(signer);
    if (valid) {
      const stale = proofs.find((proof) => correct(proof) && notes?.isStale(proof, mark));
      if (stale === undefined || owner.byzantine) return;
      fail(`fresh: ${owner.name} believes what r${stale.signer} signed in another run`);
    } else if (monitor.isGenuine(proofs)) {
      if (proofs.some((proof) => notes?.isForeign(proof, mark))) return;
      // What Byzantine replicas signed in another run, which others pass on, no notes tell of.
      if (notes !== null && !proofs.some(correct)) return;
      fail(`certificates: ${owner.name} got a bad signature from a correct process`);
    }
  }
}
