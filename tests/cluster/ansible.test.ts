// Shows what Ansible itself makes of inventories, and that its playbooks refuse addresses with which
// no replica can work.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UsageError } from "../../src/base/errors.ts";
import { messagesIn, readInventory } from "../../src/cluster/ansible.ts";
import { describeUnless, program } from "../support/optional.ts";
import { Program, ROOT } from "../support/programs.ts";
import { PATIENCE_MS } from "../support/patience.ts";

const PLAYBOOKS = join(ROOT, "deploy/ansible");

let dir = "";
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "oskr-ansible-"));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function inventory(name: string, ...lines: readonly string[]): string {
  const path = join(dir, `${name}.ini`);
  writeFileSync(path, `${lines.join("\n")}\n`);
  return path;
}

test("warnings of several lines are one message each", () => {
  const said =
    "[WARNING]:  * Failed to parse /a/b.ini with ini\nplugin: /a/b.ini:2: Expected key=value\n\n" +
    "[WARNING]: No inventory was parsed\nERROR! Completely failed\n";
  expect(messagesIn(said)).toEqual([
    "Failed to parse /a/b.ini with ini plugin: /a/b.ini:2: Expected key=value",
    "No inventory was parsed",
    "Completely failed",
  ]);
});

describeUnless(program("ansible-playbook"))("an inventory", () => {
  test(
    "may have groups of groups, templates, and variables of groups",
    () => {
      mkdirSync(join(dir, "group_vars"));
      writeFileSync(join(dir, "group_vars/rack2.yml"), 'net: "10.0.1"\n');
      const path = inventory(
        "nested",
        "[rack1]\nr0 host=1\nr1 host=2\n[rack2]\nr2 host=3\n[rack3]\nr3 host=4 net=10.0.2",
        "[replicas:children]\nrack1\nrack2\nrack3\n[clients]\nc0",
        "[replicas:vars]\nansible_port=2222\noskr_address=\"{{ net | default('10.0.0') }}.{{ host }}:5000%0\"",
      );
      const { replicas, sequencers, clients, multicast, reached, ways } = readInventory(path);
      expect(ways.get("r1")).toEqual({
        ...{ connection: "ssh", host: "r1", port: "2222", user: "", key: "", args: [] },
        ...{ become: false, directory: "/opt/oskr", runDirectory: "/opt/oskr/run" },
      });
      expect(reached[1]).toEqual(["ssh", "", "r1"]);
      expect(reached).toHaveLength(5);
      expect(replicas).toEqual([
        { name: "r0", address: "10.0.0.1:5000%0" },
        { name: "r1", address: "10.0.0.2:5000%0" },
        { name: "r2", address: "10.0.1.3:5000%0" },
        { name: "r3", address: "10.0.2.4:5000%0" },
      ]);
      expect({ clients, multicast, sequencers }).toEqual({
        ...{ clients: [{ name: "c0", address: "" }], multicast: "", sequencers: [] },
      });
    },
    PATIENCE_MS,
  );

  test(
    "of deploy/ansible is what README's quad.config has",
    () => {
      const { replicas, multicast } = readInventory(join(PLAYBOOKS, "hosts.ini"));
      expect(replicas.map(({ address }) => address)).toEqual(
        ["aa", "bb", "cc", "dd"].map((byte) => `12:34:56:${byte}:${byte}:${byte}%0`),
      );
      expect(multicast).toBe("01:00:5e:00:00:01%255");
    },
    PATIENCE_MS,
  );

  test(
    "FW8 may have sequencers, by groups as well, and says which of them has a wrong address",
    () => {
      const lab = (name: string, s1: string) =>
        inventory(
          ...[name, "[replicas]\nr0 oskr_address=10.0.0.1:5000%0\n[clients]\nc0"],
          `[front]\ns0 oskr_address=10.0.0.2:5000%0\ns1 oskr_address=${s1}`,
          "[sequencers:children]\nfront",
        );
      const { sequencers, reached } = readInventory(lab("ordered", "10.0.0.3:5000%0"));
      expect(sequencers).toEqual([
        { name: "s0", address: "10.0.0.2:5000%0" },
        { name: "s1", address: "10.0.0.3:5000%0" },
      ]);
      expect(reached.map(([, , name]) => name)).toEqual(["r0", "s0", "s1", "c0"]);
      expect(() => readInventory(lab("twice", "10.0.0.1:5000%1"))).toThrow(
        "r0: oskr_address 10.0.0.1:5000%0: the same address and port as of s1",
      );
    },
    PATIENCE_MS,
  );

  for (const [name, line, got] of [
    ["spaces around =", "r0 oskr_address = 10.0.0.4:5000%0", "oskr_address"],
    ["options without quotes", "r0 oskr_address=10.0.0.1:5000%0 oskr_options=--mask ff", "ff"],
  ] as const) {
    test(
      `that Ansible cannot parse is refused in its words: ${name}`,
      () => {
        const path = inventory("bad", `[replicas]\n${line}\n[clients]\nc0`);
        let said = "";
        try {
          readInventory(path);
        } catch (error) {
          expect(error).toBeInstanceOf(UsageError);
          said = (error as UsageError).message;
        }
        expect(said).toContain(`${path}:2: Expected key=value host variable assignment, got: `);
        expect(said).toContain(`got: ${got}`);
        expect(said).not.toContain("\n");
      },
      PATIENCE_MS,
    );
  }

  test(
    "that is not there is refused",
    () => {
      const path = join(dir, "nowhere.ini");
      expect(() => readInventory(path)).toThrow(`inventory source ${path}`);
    },
    PATIENCE_MS,
  );
});

describeUnless(program("ansible-playbook"))("playbooks", () => {
  const LOCAL = "[all:vars]\nansible_connection=local\noskr_directory=";
  async function playbook(name: string, ...args: readonly string[]) {
    const path = inventory(
      "wrong",
      "[replicas]\nr0 oskr_address=10.0.0.1:5000%0\nr1 oskr_address=10.0.0.1:5000%1",
      "r2\nr3 oskr_address=10.0.0.4:5000%0\n[clients]\nc0",
      `${LOCAL}${join(dir, "there")}`,
    );
    return played(path, name, ...args);
  }
  function played(path: string, name: string, ...args: readonly string[]) {
    const command = ["ansible-playbook", "-i", path, `${name}.yml`, ...args];
    const env = { LC_ALL: "C.UTF-8", ANSIBLE_NOCOLOR: "1" };
    return new Program(command, { cwd: PLAYBOOKS, env }).ended();
  }
  const R1 = "oskr_address 10.0.0.1:5000%1: the same address and port as of r0";

  test(
    "check.yml fails for each host whose address is missing or another's",
    async () => {
      // Of all hosts it would take a minute.
      const { status, out } = await playbook("check", "--limit", "r1,r2");
      expect(status).not.toBe(0);
      expect(out).toContain(R1);
      for (const host of ["r1", "r2"]) expect(out).toContain(`fatal: [${host}]: FAILED!`);
      expect(out).toContain("no oskr_address");
      expect(out).not.toContain("can run oskr");
    },
    PATIENCE_MS,
  );

  test.each(["copy", "run"])(
    "%s.yml does nothing",
    async (name) => {
      const { status, out } = await playbook(name);
      expect(status).not.toBe(0);
      expect(out).toContain(`r1: ${R1}`);
      expect(out).toContain("r2: no oskr_address");
      expect(out).not.toMatch(/TASK .*(bundle|Stop|Start)/);
    },
    PATIENCE_MS,
  );

  test(
    "FW8 run.yml wants sequencers where the mode has any, and leaves them alone where it has none",
    async () => {
      const lab = (name: string, ...lines: readonly string[]) =>
        inventory(
          ...[name, "[replicas]\nr0 oskr_address=127.0.0.1:5000%0", ...lines],
          `[clients]\nc0\n${LOCAL}${join(dir, name)}\noskr_results=${join(dir, name, "results")}`,
        );
      const mode = ["-e", "oskr_mode=nopaxos"];
      const without = await played(lab("without"), "run", ...mode);
      expect(without.status).not.toBe(0);
      expect(without.out).toContain("r0: nopaxos needs hosts in [sequencers]");
      expect(without.out).not.toMatch(/TASK .*(Stop|Start)/);
      // Nothing was copied, so that whatever is started fails; who is started is what is looked at.
      const started = async (name: string, ...args: readonly string[]) => {
        const ordered = lab(name, "[sequencers]\ns0 oskr_address=127.0.0.1:5001%0");
        const { status, out } = await played(ordered, "run", ...args);
        expect(status).not.toBe(0);
        const [, , task = ""] = /TASK [^\n]*(Start the)([^]*?)\nTASK /.exec(out) ?? [];
        return [...task.matchAll(/^changed: \[(\w+)\]/gm)].map(([, who]) => who);
      };
      expect((await started("with", ...mode)).sort()).toEqual(["r0", "s0"]);
      expect(await started("unused")).toEqual(["r0"]);
      const config = readFileSync(join(dir, "with", "lab.config"), "utf8");
      expect(config).toContain("\nreplica 127.0.0.1:5000%0\nrole sequencer 127.0.0.1:5001%0\n");
    },
    PATIENCE_MS,
  );
});
