// Writes the keys of a configuration: `npm run keygen -- deploy/quad 4`.

import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { parseArgs } from "node:util";
import { REPLICAS_MAX } from "../config.ts";
import { generateKeyPair, keyPath, writeKeyPair } from "../crypto/keys.ts";
import { UsageError } from "../base/errors.ts";
import { runMain } from "../cli/command-line.ts";

const HELP = `Writes N new secret keys, PREFIX-0.pem to PREFIX-<N-1>.pem: secp256k1, PKCS#8
PEM, as openssl does. Every machine needs all files; of the other replicas the public keys are
enough (openssl pkey -pubout -in deploy/quad-1.pem).

  npm run keygen -- PREFIX N

  PREFIX      what -c takes, such as deploy/quad
  N           how many, from 1 to ${REPLICAS_MAX}
  -h, --help  this text`;

/** Writes the files and prints their names. Throws UsageError before it writes any. */
export async function keygen(argv: readonly string[]): Promise<number> {
  const { prefix, n, help } = readArguments(argv);
  if (help) {
    console.log(HELP);
    return 0;
  }
  const paths = Array.from({ length: n }, (_, i) => keyPath(prefix, i));
  const taken = paths.find((path) => existsSync(path));
  if (taken !== undefined) throw new UsageError(`${taken}: exists already; remove it first`);
  if (!existsSync(dirname(prefix))) throw new UsageError(`${dirname(prefix)}: no such directory`);
  for (const path of paths) {
    writeKeyPair(path, generateKeyPair());
    console.log(path);
  }
  return 0;
}

function readArguments(argv: readonly string[]): { prefix: string; n: number; help: boolean } {
  const options = { help: { type: "boolean", short: "h" } } as const;
  let parsed;
  try {
    parsed = parseArgs({ args: [...argv], options, allowPositionals: true });
  } catch {
    throw new UsageError("there is no option but -h; expected: PREFIX N");
  }
  if (parsed.values.help === true) return { prefix: "", n: 0, help: true };
  const [prefix, count, ...rest] = parsed.positionals;
  if (prefix === undefined || count === undefined || rest.length > 0) {
    throw new UsageError("expected: PREFIX N, such as deploy/quad 4; -h says more");
  }
  const n = Number(count);
  if (!/^\d{1,3}$/.test(count) || n < 1 || n > REPLICAS_MAX) {
    throw new UsageError(`N = ${count}: expected a whole number from 1 to ${REPLICAS_MAX}`);
  }
  return { prefix, n, help: false };
}

if (import.meta.main) await runMain("keygen", () => keygen(process.argv.slice(2)));
