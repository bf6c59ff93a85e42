import type { ProtocolOption } from "../../protocol-config.ts";
import { slowLeader } from "../kit/service-level.ts";

/** Views that a leader stays with `--leader fixed`, if it does not fail. */
const FIXED_TENURE = 2 ** 20;

const leader: ProtocolOption = {
  values: ["fixed", "rotate"],
  description: "keep a leader until it fails, or another in every view",
  configure: (value, config) => {
    const tenure = value === "fixed" ? FIXED_TENURE : 1;
    return { ...config, tenure, leader: (view) => Math.floor(view / tenure) % config.n };
  },
};

export const options: ReadonlyMap<string, ProtocolOption> = new Map([
  ["leader", leader],
  ["slow-leader", slowLeader],
]);
