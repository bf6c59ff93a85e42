// `bun ticketed-program.ts replica|client ARGS`: the programs with one more protocol, `ticketed`.

import { protocols } from "../../src/protocol/index.ts";
import { registerTicketed } from "./ticketed.ts";

registerTicketed(protocols);
const [program = ""] = process.argv.splice(2, 1);
await import(`../../src/bin/${program}.ts`);
