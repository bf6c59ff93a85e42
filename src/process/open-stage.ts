// The signature stage of a process: what -w, --signature and --crypto ask for.

import type { Signer } from "../actor.ts";
import type { Options } from "../cli/command-line.ts";
import { domainOf } from "../crypto/domain.ts";
import { readStageKeys } from "../crypto/keys.ts";
import { openNativeStage } from "../crypto/native.ts";
import { openNobleStage } from "../crypto/noble.ts";
import { NoStage } from "../crypto/none.ts";
import type { Stage } from "../driver.ts";
import type { CpuPlan } from "./cpus.ts";
import type { Doorbell } from "./doorbell.ts";
import type { Setting } from "./setting.ts";

/** The stage of replica `self`, or of clients where that is null. Throws UsageError. */
export function openStage(
  options: Options,
  { mode, protocol, config }: Setting,
  self: Signer | null,
  cpus: CpuPlan,
  doorbell: Doorbell,
): Stage {
  if (!protocol.signed) return new NoStage();
  const keys = readStageKeys(options.textOf("config"), config.n, self);
  const { n, f } = config;
  const { publicKeys } = keys;
  const domain = domainOf({ mode, n, f, publicKeys, instance: options.text("instance") ?? "" });
  const kind = options.textOf("signature") === "each" ? "each" : "batch";
  if (options.textOf("crypto") === "noble") return openNobleStage({ ...keys, kind, domain });
  const pinned = cpus.signing.filter((cpu) => cpu !== null);
  const workers = cpus.signing.length;
  return openNativeStage({
    ...keys,
    kind,
    domain,
    workers,
    cpus: pinned,
    doorbell: doorbell.pointer,
  });
}
