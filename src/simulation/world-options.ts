// What a world is made of.

import type { OptionValues } from "../protocol-config.ts";
import type { EarlierRun } from "./earlier-run.ts";
import type { Interception } from "./interception.ts";
import type { PacketFilter } from "./network.ts";
import type { Observer } from "./observer.ts";
import type { Plan } from "./seed-plan.ts";
import type { Subject } from "./subject.ts";

export interface WorldOptions {
  readonly subject: Subject;
  readonly plan: Plan;
  /** Sees all events, for the traces of failures and for scenario scripts. */
  readonly observer?: Observer | undefined;
  readonly leader?: ((view: number) => number) | undefined;
  /** Values of the protocol's own options; without one, the protocol is as its plan has it. */
  readonly options?: OptionValues | undefined;
  readonly filter?: PacketFilter | undefined;
  /** What somebody does to it by hand, who may make its replicas Byzantine too. */
  readonly interception?: Interception | undefined;
  /** What an earlier run of the same cluster sent. */
  readonly earlier?: EarlierRun | undefined;
  /** It is such a run itself: its keys are those of the present one, its nonces are not. */
  readonly isEarlier?: boolean | undefined;
  /** Nothing is remembered and shared that one process found out already: the same, but slower. */
  readonly cold?: boolean | undefined;
}
