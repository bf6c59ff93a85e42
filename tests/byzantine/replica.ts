// `bun tests/byzantine/replica.ts TRICK SIGN ...`: ./replica with the arguments behind, Byzantine from
// when the file SIGN is there. `npm run attack` starts it.

import type { Address, AnyProtocol } from "../../src/actor.ts";
import { runCommand } from "../../src/cli/command-line.ts";
import { REPLICA } from "../../src/cli/definitions.ts";
import { runReplica } from "../../src/process/replica-process.ts";
import { protocols } from "../../src/protocol/index.ts";
import { UdpTransport } from "../../src/transport/udp.ts";
import { Sign } from "./sly.ts";
import { byzantine, SENDS } from "./tricks.ts";

const [name = "", path = ""] = process.argv.splice(2, 2);
const sign = new Sign(path);
// The registry is what processes read: here it has another protocol under the same name.
const registry = protocols as Map<string, AnyProtocol>;
for (const [mode, protocol] of protocols) {
  if (protocol.faults === "byzantine") registry.set(mode, byzantine(name, protocol, mode, sign));
}
const sends = SENDS.get(name);
if (sends !== undefined) {
  const { transmit } = UdpTransport.prototype;
  UdpTransport.prototype.transmit = function (to: Address | readonly Address[]): void {
    const all = typeof to === "number" ? [to] : to;
    transmit.call(this, sign.at(performance.now()) ? all.filter(sends) : all);
  };
}

await runCommand("replica", REPLICA, runReplica);
