import type { ProtocolOption } from "../../protocol-config.ts";
import { leader } from "../kit/leader-option.ts";
import { requests } from "../kit/bodies.ts";
import { slowLeader } from "../kit/service-level.ts";

export const options: ReadonlyMap<string, ProtocolOption> = new Map([
  ["leader", leader],
  ["requests", requests],
  ["slow-leader", slowLeader],
]);
