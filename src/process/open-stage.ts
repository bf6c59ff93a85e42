// The signature stage of a process: what -w, --signature and --crypto ask for.

import type { Bytes, Signer } from "../actor.ts";
import { UsageError } from "../base/errors.ts";
import type { Options } from "../cli/command-line.ts";
import { domainOf } from "../crypto/domain.ts";
import type { KeyPair } from "../crypto/key-der.ts";
import { log } from "../base/logger.ts";
import { generateKeyPair, readKeyPair, readStageKeys } from "../crypto/keys.ts";
import { openNativeStage } from "../crypto/native.ts";
import { openNobleStage } from "../crypto/noble.ts";
import { loadNative } from "../ffi/native.ts";
import { NoStage } from "../crypto/none.ts";
import type { Stage } from "../driver.ts";
import type { CpuPlan } from "./cpus.ts";
import type { Doorbell } from "./doorbell.ts";
import { isSigning, signatureKind, type Place, type Setting } from "./setting.ts";

/** What a process signs and checks with. */
interface StageSetting {
  readonly stage: Stage;
  /** Of all replicas; none where they do not sign. */
  readonly publicKeys: readonly Bytes[];
}

/** The stage of a process: a replica signs messages, clients sign requests. Throws UsageError. */
export function openStage(
  options: Options,
  setting: Setting,
  place: Place,
  { cpus, doorbell }: { readonly cpus: CpuPlan; readonly doorbell: Doorbell },
): StageSetting {
  const { mode, protocol, config } = setting;
  if (!isSigning(setting)) return { stage: new NoStage(), publicKeys: [] };
  const self: Signer | null = place.kind === "replica" ? place.index : null;
  const replicas = protocol.signed
    ? readStageKeys(options.textOf("config"), config.n, self)
    : { self: null, secretKey: null, publicKeys: [] };
  const { publicKeys } = replicas;
  const pair = clientPair(options, setting, place);
  const keys = pair === null ? replicas : { ...replicas, secretKey: pair.secretKey };
  const { n, f } = config;
  const domain = domainOf({ mode, n, f, publicKeys, instance: options.text("instance") ?? "" });
  const kind = signatureKind(options);
  const requests =
    config.requestAuth === "sign" ? { requests: { key: pair?.publicKey ?? null } } : {};
  const hybrid = kind === "hybrid" && protocol.signed;
  if (options.textOf("crypto") === "noble") {
    if (hybrid) throw new UsageError("--signature hybrid: goes with --crypto native");
    if (options.given.has("workers") && options.integer("workers", 0, 256) > 0) {
      throw new UsageError(
        "--workers: goes with --crypto native; noble signs in the polling thread",
      );
    }
    return { stage: openNobleStage({ ...keys, kind, domain, ...requests }), publicKeys };
  }
  if (hybrid && loadNative().oskr_onetime_fast() === 0) {
    log.warn(
      "--signature hybrid: this processor has no SHA instructions, without which one-time " +
        "signatures are slower than others",
    );
  }
  const pinned = cpus.signing.filter((cpu) => cpu !== null);
  const workers = cpus.signing.length;
  const native = { workers, cpus: pinned, doorbell: doorbell.pointer };
  return { stage: openNativeStage({ ...keys, kind, domain, ...native, ...requests }), publicKeys };
}

/**
 * The key by which a process of clients signs: of the file that is named, or a fresh one; null: it
 * signs nothing. Throws UsageError.
 */
function clientPair(options: Options, { config }: Setting, place: Place): KeyPair | null {
  if (place.kind !== "client") return null;
  const path = options.text("client-key");
  if (config.requestAuth === "sign") {
    return path === undefined ? generateKeyPair() : readKeyPair(path);
  }
  if (path !== undefined) throw new UsageError("--client-key: goes with --request-auth sign");
  return null;
}
