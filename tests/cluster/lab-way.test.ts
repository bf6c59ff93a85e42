// Shows how a program is run on a host of an inventory: by ssh as Ansible would, or here.

import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { commandOn, labWayOf, wordsOf } from "../../src/cluster/lab-way.ts";

const FIELDS = ["ssh", "10.0.0.1", 2222, "lab", "/keys/one", "-F none", "-o A='b c'", true];

test("ssh gets what the inventory says, and its shell the words as they are", () => {
  const way = labWayOf("r0", [...FIELDS, "/opt/it's here", ""]);
  expect(way).toMatchObject({ directory: "/opt/it's here", runDirectory: "/opt/it's here/run" });
  const command = commandOn(way, ["/opt/it's here/process.sh", "$HOME"]) ?? [];
  expect(command.slice(0, 2)).toEqual(["ssh", "-T"]);
  const told = command.slice(command.indexOf("-F"));
  expect(told.slice(0, 12)).toEqual([
    ...["-F", "none", "-o", "A=b c", "-p", "2222", "-l", "lab", "-i", "/keys/one"],
    ...["--", "10.0.0.1"],
  ]);
  const ran = spawnSync("sh", ["-c", `set -- ${told[12]}; printf '%s|' "$@"`]);
  expect(String(ran.stdout)).toBe("sudo|-n|/opt/it's here/process.sh|$HOME|");
});

test("without variables a host has its name, and ssh's own defaults", () => {
  const way = labWayOf("r0", ["ssh", "", "", "", "", "", "", false, "/opt/oskr", "/run/oskr"]);
  expect(way.runDirectory).toBe("/run/oskr");
  const command = commandOn(way, ["true"]) ?? [];
  expect(command.slice(command.indexOf("--"))).toEqual(["--", "r0", "'true'"]);
  expect(command).not.toContain("-p");
});

test("this machine needs no ssh, and what is neither is told", () => {
  const local = labWayOf("r0", ["local", "", "", "", "", "", "", "no", "/opt/oskr", ""]);
  expect(commandOn(local, ["a", "b c"])).toEqual(["a", "b c"]);
  const other = labWayOf("r0", ["docker", "", "", "", "", "", "", "no", "/opt/oskr", ""]);
  expect(commandOn(other, ["a"])).toBeNull();
});

test.each([
  [`-o ProxyCommand="ssh -W %h:%p jump" -4`, ["-o", "ProxyCommand=ssh -W %h:%p jump", "-4"]],
  ["  ", []],
  [`'a b'c "" d`, ["a bc", "", "d"]],
])("words of %p", (line, words) => {
  expect(wordsOf(line)).toEqual(words);
});
