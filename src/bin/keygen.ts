// npm run keygen: writes the keys of a configuration.

import type { ArgsDef } from "citty";
import { runCommand, type Command, type Options } from "../cli/command-line.ts";
import { REPLICAS_MAX } from "../config.ts";
import { writeKeyPairs } from "../crypto/keys.ts";
import { print } from "../base/logger.ts";

const ARGS = {
  prefix: {
    type: "positional",
    valueHint: "PREFIX",
    description: "What -c takes, such as deploy/quad",
  },
  n: {
    type: "positional",
    valueHint: "N",
    description: `How many keys, from 1 to ${REPLICAS_MAX}`,
  },
} as const satisfies ArgsDef;

const KEYGEN: Command = {
  name: "npm run keygen --",
  description:
    "Writes N new secret keys, PREFIX-0.pem to PREFIX-<N-1>.pem: secp256k1, PKCS#8 PEM, as " +
    "openssl does. Every machine needs all files; of the other replicas the public keys are " +
    "enough (openssl pkey -pubout -in deploy/quad-1.pem)",
  args: ARGS,
};

function keygen(options: Options): number {
  const n = options.integer("n", 1, REPLICAS_MAX);
  for (const path of writeKeyPairs(options.textOf("prefix"), n)) print(path);
  return 0;
}

await runCommand("keygen", KEYGEN, keygen);
