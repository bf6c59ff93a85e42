// Shows that what is parked is not asleep to all else: timers fire, peers wake it, signals end it.

import { expect } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { problemsIn } from "../../src/base/logger.ts";
import { freePorts } from "../../src/cluster/free-ports.ts";
import { generateKeyPair, keyPath, writeKeyPair } from "../../src/crypto/keys.ts";
import { ConfigDirectory } from "../support/configurations.ts";
import { libraries, testUnless } from "../support/optional.ts";
import { program } from "../support/programs.ts";
import { PATIENCE_MS } from "../support/patience.ts";

const missing = libraries();

const configs = new ConfigDirectory();

testUnless(missing)(
  "replicas that are parked change the view when they must, and end when they are told to",
  async () => {
    const ports = await freePorts(4);
    const addresses = ports.map((port) => `replica 127.0.0.1:${port}%0`);
    const prefix = configs.config("parked", "f 1", ...addresses);
    for (let i = 0; i < 4; i++) writeKeyPair(keyPath(prefix, i), generateKeyPair());
    const shared = ["-m", "pbft", "-c", prefix, "--idle", "park", "-w", "0"];
    const json = (i: number) => join(configs.path, `parked-${i}.json`);
    const replicas = ports.map((_, i) =>
      program("replica", [...shared, "-i", String(i), "--json", json(i)]),
    );
    for (const one of replicas) await one.printed("began");
    const [primary, ...backups] = replicas;
    primary?.signal("SIGKILL");
    await primary?.ended();
    const asking = program("client", [...shared, "-t", "1", "-d", "60", "--warm", "0"]);
    await asking.printed("operations a second");
    asking.signal("SIGINT");
    await asking.ended();
    for (const one of backups) one.signal("SIGTERM");
    for (const [i, one] of backups.entries()) {
      const { status, err } = await one.ended();
      expect({ status, err: problemsIn(err) }).toEqual({ status: 0, err: [] });
      const { view, executed } = JSON.parse(readFileSync(json(i + 1), "utf8"));
      expect({ view: view > 0, executed: executed > 0 }).toEqual({ view: true, executed: true });
    }
  },
  PATIENCE_MS,
);
