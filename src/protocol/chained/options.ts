import type { ProtocolOption } from "../../protocol-config.ts";
import { leader } from "../kit/leader-option.ts";
import { slowLeader } from "../kit/service-level.ts";

export const options: ReadonlyMap<string, ProtocolOption> = new Map([
  ["leader", leader],
  ["slow-leader", slowLeader],
]);
