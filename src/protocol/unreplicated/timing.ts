import type { TimingHints } from "../../protocol-hints.ts";
import { repliesUs } from "../kit/timing.ts";

export const timing: TimingHints = {
  unloaded: (path) => ({ latencyUs: repliesUs(path, [path.clientUs(0)]), batchUs: 0 }),
};
