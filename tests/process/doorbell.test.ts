// Shows which files hold a doorbell: made where there is none, the same one after a restart, and
// nothing that somebody else put in its place.

import { afterAll, expect, test } from "bun:test";
import {
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Doorbell, doorbellFile } from "../../src/process/doorbell.ts";
import { loadNative } from "../../src/ffi/native.ts";
import { describeUnless } from "../support/optional.ts";
import { nativeMissing } from "../support/signatures.ts";

const dir = mkdtempSync(join(tmpdir(), "oskr-doorbell-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describeUnless(nativeMissing)("a doorbell's file", () => {
  const open = (end: string): void => new Doorbell(loadNative(), doorbellFile(dir, end)).close();

  test("is made where there is none, for its owner alone, and stays", () => {
    open("replica-0");
    const made = lstatSync(join(dir, "replica-0.doorbell"));
    expect(made.mode & 0o777).toBe(0o600);
    open("replica-0");
    expect(lstatSync(join(dir, "replica-0.doorbell")).ino).toBe(made.ino);
  });

  test("is no link to another file, which stays as it is", () => {
    const other = join(dir, "precious");
    writeFileSync(other, "words");
    symlinkSync(other, join(dir, "symbolic.doorbell"));
    linkSync(other, join(dir, "hard.doorbell"));
    expect(() => open("symbolic")).toThrow("cannot be opened");
    expect(() => open("hard")).toThrow("is no file of its own; remove it");
    expect(readFileSync(other, "utf8")).toBe("words");
  });

  test("is neither a pipe nor a directory, and needs one to lie in", () => {
    expect(Bun.spawnSync(["mkfifo", join(dir, "pipe.doorbell")]).exitCode).toBe(0);
    mkdirSync(join(dir, "directory.doorbell"));
    expect(() => open("pipe")).toThrow("is no file of its own");
    expect(() => open("directory")).toThrow("cannot be opened");
    expect(() => doorbellFile(join(dir, "nowhere"), "fabric")).toThrow("no such directory");
  });
});
