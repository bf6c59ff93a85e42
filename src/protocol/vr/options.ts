import type { ProtocolOption } from "../../protocol-config.ts";
import { requests } from "../kit/bodies.ts";

export const options: ReadonlyMap<string, ProtocolOption> = new Map([["requests", requests]]);
