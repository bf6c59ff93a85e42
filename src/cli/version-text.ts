// What --version shows.

import packageJson from "../../package.json" with { type: "json" };
import { dpdkRelease } from "../ffi/dpdk.ts";

/** Set by build.ts: the commit that an executable is made of. */
declare const OSKR_COMMIT: string | undefined;

/** Whether this is one of the executables, rather than sources that bun runs. */
const compiled = import.meta.dir.startsWith("/$bunfs/");

/** Two lines: this program's version and build, and those of what it stands on. */
export function versionText(): string {
  const dpdk = dpdkRelease() ?? "no DPDK library (target/dpdk/liboskr_dpdk.so)";
  return `oskr ${packageJson.version}, ${buildText()}\nBun ${Bun.version}, ${dpdk}`;
}

function buildText(): string {
  if (typeof OSKR_COMMIT === "string") return `built of commit ${OSKR_COMMIT}`;
  return compiled ? "built outside of a checkout" : "run from its sources";
}
