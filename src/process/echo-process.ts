// The yardstick of `npm run bench -- echo`: an unreplicated replica that, once its clients have
// their sessions, lets a loop in C answer instead. Takes the options of ./replica.

import { UsageError } from "../base/errors.ts";
import type { Options } from "../cli/command-line.ts";
import { DpdkTransport } from "../transport/dpdk.ts";
import { FRAGMENT, FRAGMENT_HEADER } from "../transport/fragment-format.ts";
import { ReplicaProcess } from "./replica-process.ts";
import { stopWord } from "./signals.ts";

/** From the first request until the loop in C takes over; clients warm up longer. */
const SESSIONS_MS = 300;

/**
 * In the wire form of src/protocol/unreplicated/message.ts: kinds, and the fields that a reply
 * repeats; and of src/transport/fragment-format.ts.
 */
const ECHO = {
  requestKind: 1,
  replyKind: 2,
  /** Session, tag and number stand right behind the kind. */
  keepFrom: 1,
  keep: 8 + 4 + 8,
  /** Status "done", and an empty result behind its length. */
  zeros: 1 + 4,
  ...{ partKind: FRAGMENT, partHeader: FRAGMENT_HEADER },
} as const;

/** Answers until it is told to stop. Throws UsageError. */
export function runEcho(options: Options): number {
  const replica = new ReplicaProcess(options);
  const { clock, stopped, native, port } = replica.drivers;
  const { transport } = port;
  if (!(transport instanceof DpdkTransport)) throw new UsageError("the echo loop needs DPDK");
  let takeOverMs = Infinity;
  replica.serve(() => {
    if (takeOverMs === Infinity && replica.executed > 0) takeOverMs = clock.now + SESSIONS_MS;
    return clock.now >= takeOverMs || stopped();
  });
  transport.echo(ECHO, stopWord(native));
  replica.close();
  return 0;
}
