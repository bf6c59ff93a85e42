// `bun ticketed-program.ts replica|client ARGS`: the programs with two protocols more, `ticketed`
// and `ordered`, which have a sequencer.

import { protocols } from "../../src/protocol/index.ts";
import { registerOrdered } from "./ordered.ts";
import { registerTicketed } from "./ticketed.ts";

registerTicketed(protocols);
registerOrdered(protocols);
const [program = ""] = process.argv.splice(2, 1);
await import(`../../src/bin/${program}.ts`);
