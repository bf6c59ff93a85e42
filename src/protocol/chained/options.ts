import type { ProtocolOption } from "../../protocol-config.ts";
import { leader as usual } from "../kit/leader-option.ts";
import { requests } from "../kit/bodies.ts";
import { slowLeader } from "../kit/service-level.ts";

const leader: ProtocolOption = {
  values: ["fixed", "rotate", "reputation"],
  // One text for all protocols makes one line of -h, which names the third for those that have it.
  description: usual.description,
  configure(value, config) {
    if (value !== "reputation") return usual.configure(value, config);
    return { ...usual.configure("rotate", config), reputation: true };
  },
};

export const options: ReadonlyMap<string, ProtocolOption> = new Map([
  ["leader", leader],
  ["requests", requests],
  ["slow-leader", slowLeader],
]);
