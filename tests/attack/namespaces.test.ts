// Hosts of their own for a cluster's processes: they reach each other, and are gone in the end.

import { expect } from "bun:test";
import { lacksNamespaces, Namespaces } from "../../src/attack/namespaces.ts";
import { cannot, testUnless } from "../support/optional.ts";

const lack = lacksNamespaces();

function said(command: readonly string[]): string {
  return Bun.spawnSync([...command]).stdout.toString();
}

testUnless(lack === null ? null : cannot(lack))(
  "each host has an address of its own that the others reach, and closing leaves none",
  () => {
    const prefix = `oskr-${process.pid}-`;
    const hosts = new Namespaces(2);
    try {
      expect(hosts.replicaAddress(1)).toBe("10.91.77.11:5000");
      const own = said([...hosts.on("replica1"), "ip", "-4", "-brief", "address", "show", "eth0"]);
      expect(own).toContain("10.91.77.11/24");
      const attacker = said([...hosts.on("attacker"), "ip", "-4", "-brief", "address"]);
      expect(attacker).toContain("10.91.77.100/24");
      expect(attacker).toContain("10.91.77.101/24");
      const way = said([...hosts.on("client"), "ip", "route", "get", "10.91.77.10"]);
      expect(way).toContain("dev eth0");
      expect(said(["ip", "netns", "list"])).toContain(`${prefix}replica0`);
    } finally {
      hosts.close();
    }
    expect(said(["ip", "netns", "list"])).not.toContain(prefix);
  },
);
