// `bun plain-processor.ts replica|client ARGS`: the programs, as on a processor that has no SHA
// instructions.

import { loadNative } from "../../src/ffi/native.ts";

Object.assign(loadNative(), { oskr_onetime_fast: () => 0 });
const [program = ""] = process.argv.splice(2, 1);
await import(`../../src/bin/${program}.ts`);
