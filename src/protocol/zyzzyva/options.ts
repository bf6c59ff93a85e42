import type { ProtocolOption } from "../../protocol-config.ts";
import { requests } from "../kit/bodies.ts";
import { slowLeader } from "../kit/service-level.ts";

export const options: ReadonlyMap<string, ProtocolOption> = new Map([
  ["requests", requests],
  ["slow-leader", slowLeader],
]);
