// What the processes of a world are told of their cluster.

import { rolesOf } from "../protocol/index.ts";
import type { OptionValues, ProtocolConfig } from "../protocol-config.ts";
import type { Plan } from "./seed-plan.ts";
import type { Subject } from "./subject.ts";

/** Of a state that is hashed in a turn: so few that most checkpoints take several. */
const SLICE_BYTES = 4096;

interface ConfigOptions {
  readonly leader?: ((view: number) => number) | undefined;
  /** Values of the protocol's own options. */
  readonly options?: OptionValues | undefined;
}

/** The configuration of a plan's cluster. */
export function worldConfig(
  { protocol }: Subject,
  plan: Plan,
  { leader, options }: ConfigOptions,
): ProtocolConfig {
  const { n, f, tenure, reputation } = plan;
  const roles = rolesOf(protocol, n, () => Math.max(1, plan.sequencers));
  const config: ProtocolConfig = {
    n,
    f,
    leader: leader ?? ((view) => Math.floor(view / tenure) % n),
    ...(tenure === 1 ? {} : { tenure }),
    ...(reputation ? { reputation } : {}),
    ...(plan.broadcastsRequests ? { broadcastsRequests: true } : {}),
    batchMax: plan.batchMax,
    batchBytesMax: plan.batchBytesMax,
    adaptive: plan.adaptive,
    flushDelayMs: plan.flushDelayMs,
    viewTimeoutMs: plan.viewTimeoutMs,
    checkpointInterval: plan.checkpointInterval,
    sliceBytes: SLICE_BYTES,
    sessionsMax: plan.sessionsMax,
    replyCacheBytesMax: 64 * 1024 * 1024,
    ...(roles.size === 0 ? {} : { roles }),
    ...(plan.requestAuth === "sign" ? { requestAuth: "sign" } : {}),
    ...(plan.signature === "hybrid" ? { signature: "hybrid" } : {}),
    // Two instances of one identity share one life.
    ...(plan.kind === "twins" && { run: new Uint8Array(32).fill(1) }),
  };
  return [...(options ?? [])].reduce((made, [name, value]) => {
    return protocol.options?.get(name)?.configure(value, made) ?? made;
  }, config);
}
