// The protocols of the registry as the simulator tries them.

import { protocols } from "../protocol/index.ts";
import { subjectOf, type Subject } from "./subject.ts";

export const registered: ReadonlyMap<string, Subject> = new Map(
  [...protocols].map(([name, protocol]) => [name, subjectOf(name, protocol)]),
);
