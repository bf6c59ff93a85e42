import type { ProtocolOption } from "../../protocol-config.ts";
import { slowLeader } from "../kit/service-level.ts";

export const options: ReadonlyMap<string, ProtocolOption> = new Map([["slow-leader", slowLeader]]);
