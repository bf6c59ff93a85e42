// What programs say of --signature hybrid where it is slower than other signatures, or refused.

import { expect, setDefaultTimeout } from "bun:test";
import { join } from "node:path";
import { freePorts } from "../../src/cluster/free-ports.ts";
import { generateKeyPair, keyPath, writeKeyPair } from "../../src/crypto/keys.ts";
import { loadNative } from "../../src/ffi/native.ts";
import { ConfigDirectory } from "../support/configurations.ts";
import { libraries, testUnless } from "../support/optional.ts";
import { Program, program, ROOT, SERVED } from "../support/programs.ts";
import { PATIENCE_MS } from "../support/patience.ts";

setDefaultTimeout(PATIENCE_MS);

const missing = libraries();
const configs = new ConfigDirectory();

const SLOW =
  "--signature hybrid: this processor has no SHA instructions, without which one-time " +
  "signatures are slower than others";
const PLAIN = join(ROOT, "tests/support/plain-processor.ts");

/** One replica whose replies are signed; the arguments of it and of its clients. */
async function signing(): Promise<readonly string[]> {
  const [port] = await freePorts(1);
  const prefix = configs.config(`one-time-${port}`, "f 0", `replica 127.0.0.1:${port}%0`);
  writeKeyPair(keyPath(prefix, 0), generateKeyPair());
  return ["-m", "unreplicated-signed", "-c", prefix, "--idle", "park", "-w", "0"];
}

/** How often the line stands in what was said. */
function timesIn(text: string, line: string): number {
  return text.split(line).length - 1;
}

testUnless(missing)(
  "G9 without SHA instructions one line says that one-time signatures are slow, and they work",
  async () => {
    const shared = await signing();
    const plain = (name: string, ...args: string[]): Program =>
      new Program([process.execPath, PLAIN, name, ...shared, ...args]);
    const replica = plain("replica", "-i", "0", "--signature", "hybrid");
    await replica.printed("runs unreplicated-signed");
    const client = plain("client", "-d", "1", "--warm", "4");
    await client.printed(SERVED);
    const asked = await client.ended();
    replica.signal("SIGTERM");
    const served = await replica.ended();
    expect({ status: served.status, said: timesIn(served.err, SLOW) }).toEqual({
      ...{ status: 0, said: 1 },
    });
    // Its replica has said so already, from whom it learns how it signs.
    expect({ status: asked.status, said: timesIn(asked.err, SLOW) }).toEqual({
      ...{ status: 0, said: 0 },
    });
  },
);

testUnless(missing)("G9 nothing is said where they are fast, or are not made", async () => {
  const fast = loadNative().oskr_onetime_fast() !== 0;
  for (const [kind, file] of [
    ["batch", PLAIN],
    ...(fast ? ([["hybrid", null]] as const) : []),
  ] as const) {
    const args = [...(await signing()), "-i", "0", "--signature", kind];
    const replica =
      file === null
        ? program("replica", args)
        : new Program([process.execPath, file, "replica", ...args]);
    await replica.printed("runs unreplicated-signed");
    replica.signal("SIGTERM");
    const { status, err } = await replica.ended();
    expect({ kind, status, said: timesIn(err, SLOW) }).toEqual({ kind, status: 0, said: 0 });
  }
});

testUnless(missing)("G9 --crypto noble refuses them with one line", async () => {
  const noble = ["-i", "0", "--signature", "hybrid", "--crypto", "noble"];
  const { status, err } = await program("replica", [...(await signing()), ...noble]).ended();
  expect(status).not.toBe(0);
  expect(err.trim().split("\n")).toEqual([
    expect.stringContaining("--signature hybrid: goes with --crypto native"),
  ]);
});
