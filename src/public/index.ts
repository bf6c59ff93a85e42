// The package "oskr": what applications, workloads and protocols of one's own are written with, and
// how programs of one's own come to know them. Whatever is not here may change in any version.

import type { App } from "../actor.ts";
import { addApp as addToApps } from "../app/index.ts";
import type { Workload, WorkloadOptions } from "../workload/asker.ts";
import { addWorkload } from "../workload/index.ts";

// Applications, and what clients ask of them.
export type { App, Bytes, Part, Snapshot, State } from "../actor.ts";
export { Parts } from "../base/parts.ts";
export { bytesOf, EMPTY, equal, Reader, Writer } from "../wire.ts";
export type { Asker, Loading, Tally, Workload, WorkloadOptions } from "../workload/asker.ts";

// Protocols.
export { NO_PROOFS } from "../actor.ts";
export type {
  Address,
  AnyProtocol,
  Census,
  Client,
  Codec,
  Host,
  Phase,
  Proof,
  Protocol,
  Quorums,
  Refusal,
  Replica,
  RoleActor,
  RoleFactory,
  Sealed,
  Signer,
  Target,
} from "../actor.ts";
export type { ProtocolConfig } from "../protocol-config.ts";
export { addProtocol, protocols } from "../protocol/index.ts";
export { answerTo, NO_RUN } from "../protocol/kit/answer.ts";
export { Backoff } from "../protocol/kit/backoff.ts";
export { QuorumClient } from "../protocol/kit/client.ts";
export { codecOf } from "../protocol/kit/codec.ts";
export { Executor } from "../protocol/kit/executor.ts";
export { PROTOCOL_KINDS, type CommonMessage } from "../protocol/kit/messages.ts";
export { byzantineQuorums, crashQuorums, majorityOf, quorumsOf } from "../protocol/kit/quorum.ts";
export {
  decodeRequest,
  encodeRequest,
  isOpen,
  NO_SESSION_OUTCOME,
  type Outcome,
  type Request,
  type Told,
} from "../protocol/kit/request.ts";

/** An application with what clients ask of it. */
export interface OwnApp {
  make(): App;
  workload(options: WorkloadOptions): Workload;
}

/**
 * Has this program know an application as `--app NAME`, and its workload as `--workload NAME`. To
 * be called before `replica` or `client`, in the programs of both. Throws RangeError for a name
 * that is taken or is none.
 */
export function addApp(name: string, { make, workload }: OwnApp): void {
  addToApps(name, make);
  addWorkload(name, workload);
}

/** Runs this program as ./replica, by the options of its command line (`-h` tells them). */
export async function replica(): Promise<void> {
  // Only now, because options name what was added.
  const { runCommand } = await import("../cli/command-line.ts");
  const { REPLICA } = await import("../cli/definitions.ts");
  const { runReplica } = await import("../process/replica-process.ts");
  await runCommand("replica", REPLICA, runReplica);
}

/** Runs this program as ./client does. */
export async function client(): Promise<void> {
  const { runCommand } = await import("../cli/command-line.ts");
  const { CLIENT } = await import("../cli/definitions.ts");
  const { runClients } = await import("../process/client-process.ts");
  await runCommand("client", CLIENT, runClients);
}
