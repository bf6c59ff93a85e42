// The signature stage of a process: what -w, --signature and --crypto ask for.

import type { Bytes, Signer } from "../actor.ts";
import { UsageError } from "../base/errors.ts";
import type { Options } from "../cli/command-line.ts";
import { domainOf } from "../crypto/domain.ts";
import { readStageKeys } from "../crypto/keys.ts";
import { openNativeStage } from "../crypto/native.ts";
import { openNobleStage } from "../crypto/noble.ts";
import { NoStage } from "../crypto/none.ts";
import type { Stage } from "../driver.ts";
import type { CpuPlan } from "./cpus.ts";
import type { Doorbell } from "./doorbell.ts";
import { signatureKind, type Setting } from "./setting.ts";

/** What a process signs and checks with. */
interface StageSetting {
  readonly stage: Stage;
  /** Of all replicas; none where they do not sign. */
  readonly publicKeys: readonly Bytes[];
}

/** The stage of replica `self`, or of clients where that is null. Throws UsageError. */
export function openStage(
  options: Options,
  { mode, protocol, config }: Setting,
  self: Signer | null,
  cpus: CpuPlan,
  doorbell: Doorbell,
): StageSetting {
  if (!protocol.signed) return { stage: new NoStage(), publicKeys: [] };
  const keys = readStageKeys(options.textOf("config"), config.n, self);
  const { n, f } = config;
  const { publicKeys } = keys;
  const domain = domainOf({ mode, n, f, publicKeys, instance: options.text("instance") ?? "" });
  const kind = signatureKind(options);
  if (options.textOf("crypto") === "noble") {
    if (options.given.has("workers") && options.integer("workers", 0, 256) > 0) {
      throw new UsageError(
        "--workers: goes with --crypto native; noble signs in the polling thread",
      );
    }
    return { stage: openNobleStage({ ...keys, kind, domain }), publicKeys };
  }
  const pinned = cpus.signing.filter((cpu) => cpu !== null);
  const workers = cpus.signing.length;
  const native = { workers, cpus: pinned, doorbell: doorbell.pointer };
  return { stage: openNativeStage({ ...keys, kind, domain, ...native }), publicKeys };
}
