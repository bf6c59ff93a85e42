// Shows what is said where DPDK does not start: the driver's reason, and what needs no NIC.

import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { portsMissing, startFailure } from "../../src/transport/eal-failure.ts";
import { ConfigDirectory, macLine, replicaArgs } from "../support/configurations.ts";
import { cannot, describeUnless, libraries, testUnless } from "../support/optional.ts";
import { run } from "../support/programs.ts";
import { PATIENCE_MS } from "../support/patience.ts";

const NIC = ["-l", "0", "--in-memory"];
const REMEDY =
  "a NIC needs huge pages, as root: sysctl vm.nr_hugepages=1024; " +
  "without a NIC, --fabric, --link, --eal --vdev=... and UDP addresses need none";

describe("huge pages", () => {
  // As DPDK 22.11 says it where there are none, and where there are too few.
  test.each([
    "Cannot get hugepage information",
    "Not enough memory available! Requested: 512MB, available: 128MB; Cannot init memory",
  ])("are what a NIC lacks: %s", (reason) => {
    expect(startFailure({ reason, args: NIC })).toBe(`${reason}; ${REMEDY}`);
    expect(startFailure({ reason, args: [...NIC, "--no-huge"] })).toBe(reason);
  });

  test("are not blamed for anything else", () => {
    const reason = "unrecognized option '--bogus'";
    expect(startFailure({ reason, args: NIC })).toBe(reason);
  });
});

describe("ports", () => {
  test("of a NIC are missing where none is bound", () => {
    const said = portsMissing({ reason: "", args: NIC }, 0, 1, true);
    expect(said).toStartWith("DPDK found 0 ports of 1; its arguments: -l 0 --in-memory; a NIC has");
    expect(said).toContain("bound to vfio-pci unless mlx5_core serves it: dpdk-devbind.py");
    const user = portsMissing({ reason: "", args: NIC }, 0, 1, false);
    expect(user).toContain("; a NIC needs root; ");
  });

  test("of a device are missing for the driver's reason", () => {
    const args = ["--no-pci", "--vdev=net_af_packet0,iface=x"];
    const said = portsMissing({ reason: "No such device", args }, 1, 2, false);
    expect(said).toBe(`DPDK found 1 port of 2: No such device; its arguments: ${args.join(" ")}`);
  });
});

const configs = new ConfigDirectory();
const one = configs.config("one", "f 0", macLine("00"));
const total = /^HugePages_Total:\s+(\d+)$/m.exec(readFileSync("/proc/meminfo", "utf8"))?.[1];

describeUnless(libraries())("a replica", () => {
  testUnless(total === "0" ? null : cannot("this machine has huge pages"))(
    "on a machine without huge pages is told how to get them, and what needs none",
    async () => {
      const { status, out, err } = await run("replica", replicaArgs(one));
      expect({ status, out }).toEqual({ status: 2, out: "" });
      const why = "DPDK: EAL did not start: Cannot get hugepage information";
      expect(err).toBe(`replica: ${why}; ${REMEDY}\n`);
    },
    PATIENCE_MS,
  );

  test(
    "whose device cannot be is told so by the driver",
    async () => {
      const device = "--vdev=net_memif0,role=server,socket=/nowhere/at/all";
      const args = replicaArgs(one, "--eal", `${device},socket-abstract=no`);
      const { status, err } = await run("replica", args);
      expect(status).toBe(2);
      expect(err).toStartWith("replica: DPDK found 0 ports of 1: Invalid socket directory; ");
    },
    PATIENCE_MS,
  );
});
