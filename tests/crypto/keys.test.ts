// Shows that keys are read and written as openssl does it, and that every other file gets one line.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  formatPrivateKey,
  generateKeyPair,
  keyPath,
  publicKeyOf,
  readKeyPair,
  readPublicKey,
  readStageKeys,
  writeKeyPair,
} from "../../src/crypto/keys.ts";
import { UsageError } from "../../src/base/errors.ts";
import { describeUnless, program } from "../support/optional.ts";

const root = join(import.meta.dir, "../..");

const KEY = generateKeyPair();
/** Of one more, by openssl pkey -pubout. */
const PUBLIC_KEY = `-----BEGIN PUBLIC KEY-----
MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAEtTsjDfnIJcMtcsu3xW2TdbL5I3+hAdTA
oncwo4mfMvA82p17hrvsvHcd/y+DMNvLP8Da2e0ir0gguOWZfwp1Cw==
-----END PUBLIC KEY-----
`;

let directory = "";
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "oskr-keys-"));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function file(name: string, content = ""): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

function run(command: string): string {
  return new TextDecoder().decode(runBytes(command));
}

function runBytes(command: string): Uint8Array {
  const ran = Bun.spawnSync(["sh", "-ec", command], { cwd: directory });
  expect({ status: ran.exitCode, err: ran.stderr.toString() }).toMatchObject({ status: 0 });
  return ran.stdout;
}

/** The line that a reader throws, without the directory. */
function lineOf(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    const { message } = error as UsageError;
    expect(message).not.toContain("\n");
    return message.replaceAll(`${directory}/`, "");
  }
  throw new Error("it was accepted");
}

describe("our files", () => {
  test("are read again, whatever the key", () => {
    for (let i = 0; i < 20; i++) {
      const pair = generateKeyPair();
      const path = file("again.pem", `# any comment\n\n${formatPrivateKey(pair)}`);
      expect(readKeyPair(path)).toEqual({
        secretKey: pair.secretKey,
        publicKey: publicKeyOf(pair.secretKey),
      });
      expect(readPublicKey(path)).toEqual(pair.publicKey);
    }
  });

  test("are for their owner alone, and are not written over", () => {
    const path = join(directory, "fresh.pem");
    writeKeyPair(path, generateKeyPair());
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const before = readFileSync(path, "utf8");
    expect(lineOf(() => writeKeyPair(path, generateKeyPair()))).toBe(
      "fresh.pem: exists already; remove it first",
    );
    expect(readFileSync(path, "utf8")).toBe(before);
  });

  test("with Windows line ends and a byte order mark are read", () => {
    const pair = generateKeyPair();
    const path = file("crlf.pem", `\ufeff${formatPrivateKey(pair).replaceAll("\n", "\r\n")}`);
    expect(readKeyPair(path)).toEqual(pair);
  });
});

describe("the keys of a configuration", () => {
  test("the samples in deploy/ are four different keys", () => {
    const prefix = join(root, "deploy/quad");
    const keys = readStageKeys(prefix, 4, 2);
    expect(keys.publicKeys.length).toBe(4);
    expect(publicKeyOf(keys.secretKey!)).toEqual(keys.publicKeys[2]!);
    expect(readStageKeys(prefix, 4, null)).toMatchObject({ self: null, secretKey: null });
    expect(readFileSync(keyPath(prefix, 0), "utf8").split("\n")[0]).toContain("SAMPLE KEY");
  });

  test("two replicas with one key are refused, a missing one is named", () => {
    const text = formatPrivateKey(generateKeyPair());
    for (const i of [0, 2]) file(`twin-${i}.pem`, text);
    file("twin-1.pem", formatPrivateKey(generateKeyPair()));
    const prefix = join(directory, "twin");
    expect(lineOf(() => readStageKeys(prefix, 3, 0))).toBe(
      "twin-2.pem is the same key as twin-0.pem",
    );
    expect(lineOf(() => readStageKeys(prefix, 4, 0))).toBe(
      "twin-3.pem: no such file; npm run keygen -- PREFIX N writes keys",
    );
  });
});

describe("files that are no keys", () => {
  const cases: readonly (readonly [string, string, string])[] = [
    ["nothing", "", "not a PEM file with a key"],
    ["text", "hello\n", "not a PEM file with a key"],
    ["cut off", formatPrivateKey(generateKeyPair()).slice(0, 100), "not a PEM file with a key"],
    [
      "not base64",
      "-----BEGIN PRIVATE KEY-----\n***\n-----END PRIVATE KEY-----\n",
      "malformed PKCS#8 private key",
    ],
    [
      "empty",
      "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n",
      "malformed PKCS#8 private key",
    ],
    [
      "certificate",
      "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
      "a certificate; its public key: openssl x509 -noout -pubkey -in none.pem -out NEW",
    ],
    [
      "something else",
      "-----BEGIN PGP MESSAGE-----\nAAAA\n-----END PGP MESSAGE-----\n",
      "a PEM block 'PGP MESSAGE'; expected 'PRIVATE KEY' (PKCS#8)",
    ],
    [
      "UTF-16",
      "\0-\0-\0-\0-\0-\0B",
      "UTF-16, and expected is UTF-8: iconv -f UTF-16 -t UTF-8 none.pem >NEW",
    ],
  ];
  for (const [name, content, line] of cases) {
    test(name, () => {
      const path = file("none.pem", content);
      expect(lineOf(() => readKeyPair(path))).toBe(`none.pem: ${line}`);
      expect(lineOf(() => readPublicKey(path))).toBe(`none.pem: ${line}`);
    });
  }

  test("a directory", () => {
    mkdirSync(join(directory, "folder.pem"));
    expect(lineOf(() => readKeyPair(join(directory, "folder.pem")))).toStartWith("folder.pem: ");
  });

  test("the halves of two pairs", () => {
    const line = "halves.pem: its public key is not that of its secret key";
    const pair = { ...generateKeyPair(), publicKey: generateKeyPair().publicKey };
    const path = file("halves.pem", formatPrivateKey(pair));
    expect(lineOf(() => readKeyPair(path))).toBe(line);
    expect(lineOf(() => readPublicKey(path))).toBe(line);
    for (let i = 0; i < 2; i++) file(`half-${i}.pem`, formatPrivateKey(i === 0 ? pair : KEY));
    const prefix = join(directory, "half");
    expect(lineOf(() => readStageKeys(prefix, 2, 1))).toBe(line.replace("halves", "half-0"));
    const blocks = [PUBLIC_KEY, formatPrivateKey(generateKeyPair())];
    for (const text of [blocks.join(""), blocks.toReversed().join("")]) {
      expect(lineOf(() => readKeyPair(file("halves.pem", text)))).toBe(line);
      expect(lineOf(() => readPublicKey(file("halves.pem", text)))).toBe(line);
    }
  });

  test("a secret key of zero", () => {
    const pair = { secretKey: new Uint8Array(32), publicKey: generateKeyPair().publicKey };
    const path = file("zero.pem", formatPrivateKey(pair));
    expect(lineOf(() => readKeyPair(path))).toBe(
      "zero.pem: its secret key is not in the range of secp256k1",
    );
  });

  test("every file cut or altered in its DER is a key or one line", () => {
    const der = Buffer.from(
      formatPrivateKey(generateKeyPair()).split("\n").slice(1, -2).join(""),
      "base64",
    );
    for (let at = 0; at < der.length; at++) {
      for (const altered of [
        der.subarray(0, at),
        Buffer.concat([
          der.subarray(0, at),
          Buffer.of((der[at] ?? 0) ^ 0x80),
          der.subarray(at + 1),
        ]),
      ]) {
        const body = altered.toString("base64");
        const path = file(
          "cut.pem",
          `-----BEGIN PRIVATE KEY-----\n${body}\n-----END PRIVATE KEY-----\n`,
        );
        try {
          expect(readKeyPair(path).secretKey.length).toBe(32);
        } catch (error) {
          expect(error).toBeInstanceOf(UsageError);
        }
      }
    }
  });
});

describeUnless(program("openssl"))("openssl", () => {
  const GENERATE = "openssl ecparam -genkey -noout -name secp256k1";

  test("writes files that we read, and that we write byte for byte alike", () => {
    run(`${GENERATE} | openssl pkcs8 -topk8 -nocrypt -out theirs.pem`);
    const path = join(directory, "theirs.pem");
    const pair = readKeyPair(path);
    expect(formatPrivateKey(pair)).toBe(readFileSync(path, "utf8"));
    run("openssl pkey -in theirs.pem -pubout -out theirs.pub");
    expect(readPublicKey(join(directory, "theirs.pub"))).toEqual(pair.publicKey);
    run("openssl pkey -in theirs.pem -pubout -ec_conv_form compressed -out theirs.pub");
    expect(readPublicKey(join(directory, "theirs.pub"))).toEqual(pair.publicKey);
  });

  test("reads ours, and the samples in deploy/", () => {
    const pair = generateKeyPair();
    file("ours.pem", formatPrivateKey(pair));
    const text = run("openssl pkey -in ours.pem -noout -text").replace(/[\s:]/g, "");
    expect(text).toContain(Buffer.from(pair.secretKey).toString("hex"));
    for (let i = 0; i < 4; i++) {
      expect(run(`openssl ec -in ${join(root, `deploy/quad-${i}.pem`)} -noout -text`)).toContain(
        "ASN1 OID: secp256k1",
      );
    }
  });

  test("writes keys in forms that are read alike", () => {
    run(`${GENERATE} -out sec1.pem`);
    run("openssl pkey -in sec1.pem -out plain.pem");
    const pair = readKeyPair(join(directory, "plain.pem"));
    const toPkcs8 = "openssl pkcs8 -topk8 -nocrypt";
    const secret: readonly string[] = [
      `openssl ec -in sec1.pem -param_enc explicit | ${toPkcs8}`,
      `openssl ec -in sec1.pem -param_enc explicit -conv_form compressed | ${toPkcs8}`,
      `openssl ec -in sec1.pem -param_enc explicit -conv_form hybrid | ${toPkcs8}`,
      `openssl ec -in sec1.pem -no_public | ${toPkcs8}`,
      "openssl req -new -x509 -subj /CN=replica0 -key sec1.pem; cat plain.pem",
      "openssl pkey -in plain.pem -pubout; cat plain.pem",
      "cat plain.pem; openssl pkey -in plain.pem -pubout",
      "openssl pkey -in plain.pem -text",
    ];
    for (const command of secret) {
      const path = file("form.pem", run(command));
      expect(readKeyPair(path)).toEqual(pair);
      expect(readPublicKey(path)).toEqual(pair.publicKey);
    }
    for (const form of ["uncompressed", "compressed", "hybrid"]) {
      for (const curve of ["named_curve", "explicit"]) {
        const text = run(`openssl ec -in sec1.pem -pubout -param_enc ${curve} -conv_form ${form}`);
        expect(readPublicKey(file("form.pem", text))).toEqual(pair.publicKey);
      }
    }
  });

  test("reads short secrets as numbers, and so do we", () => {
    // The numbers 1 to 31 as bytes, without a public half.
    const short = "MD0CAQAwEAYHKoZIzj0CAQYFK4EEAAoEJjAkAgEBBB8BAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZ";
    const path = file(
      "short.pem",
      `-----BEGIN PRIVATE KEY-----\n${short}GhscHR4f\n-----END PRIVATE KEY-----\n`,
    );
    const { secretKey, publicKey } = readKeyPair(path);
    expect([...secretKey]).toEqual(Array.from({ length: 32 }, (_, i) => i));
    run("openssl pkey -in short.pem -pubout -out short.pub");
    expect(readPublicKey(join(directory, "short.pub"))).toEqual(publicKey);
  });

  test("keys of other forms and curves get one line that helps", () => {
    const toPkcs8 = "openssl pkcs8 -topk8 -nocrypt";
    const inOut = "-in other.pem -out NEW";
    const cases: readonly (readonly [string, string])[] = [
      [GENERATE, `a SEC1 key; convert it with: ${toPkcs8} ${inOut}`],
      [
        "openssl ecparam -genkey -name secp256k1",
        `a SEC1 key; convert it with: ${toPkcs8} ${inOut}`,
      ],
      [
        "openssl ecparam -name secp256k1",
        "parameters of a curve, and no key: openssl genpkey -algorithm EC " +
          "-pkeyopt ec_paramgen_curve:secp256k1 -out other.pem",
      ],
      [
        `${GENERATE} | openssl pkcs8 -topk8 -passout pass:x`,
        `an encrypted key; decrypt it with: ${toPkcs8} ${inOut}`,
      ],
      [
        `${GENERATE} -out der.pem && openssl pkey -in der.pem -outform DER`,
        `a key in DER; convert it with: openssl pkey -inform DER ${inOut}`,
      ],
      [
        `openssl pkey -in der.pem -pubout -outform DER`,
        `a public key in DER; convert it with: openssl pkey -pubin -inform DER ${inOut}`,
      ],
      [
        `openssl req -new -x509 -subj /CN=replica0 -key der.pem -outform DER`,
        `a certificate in DER; its key: openssl x509 -inform DER -noout -pubkey ${inOut}`,
      ],
      [
        `openssl req -new -subj /CN=replica0 -key der.pem`,
        `a certificate request; its public key: openssl req -noout -pubkey ${inOut}`,
      ],
      [
        `openssl req -new -x509 -subj /CN=replica0 -key der.pem -out cert.pem
         openssl pkcs12 -export -in cert.pem -inkey der.pem -passout pass:x`,
        `PKCS#12; its key: openssl pkcs12 -nocerts -nodes ${inOut}`,
      ],
      [`${GENERATE} | openssl pkey -pubout`, "a public key; the replica needs its private key"],
      [
        `openssl ecparam -genkey -noout -name prime256v1 | ${toPkcs8}`,
        "a key of the curve prime256v1; expected secp256k1",
      ],
      [
        `openssl ecparam -genkey -noout -name prime256v1 -param_enc explicit | ${toPkcs8}`,
        "a key of another curve; expected secp256k1",
      ],
      ["openssl genpkey -algorithm ed25519", "a key of Ed25519; expected secp256k1"],
      ["openssl genpkey -algorithm RSA", "a key of RSA; expected secp256k1"],
    ];
    for (const [command, line] of cases) {
      const path = join(directory, "other.pem");
      writeFileSync(path, runBytes(command));
      expect(lineOf(() => readKeyPair(path))).toBe(`other.pem: ${line}`);
    }
  });
});

describe("keygen", () => {
  const keygen = (...args: readonly string[]) => {
    const script = join(root, "src/bin/keygen.ts");
    const ran = Bun.spawnSync([process.execPath, script, ...args], { cwd: directory });
    return { status: ran.exitCode, out: ran.stdout.toString(), err: ran.stderr.toString() };
  };

  test("writes N keys that a stage takes", () => {
    const { status, out } = keygen("made", "4");
    expect(status).toBe(0);
    expect(out).toBe("made-0.pem\nmade-1.pem\nmade-2.pem\nmade-3.pem\n");
    expect(readStageKeys(join(directory, "made"), 4, 3).publicKeys.length).toBe(4);
  });

  test("writes nothing when one is there, and says which", () => {
    file("part-1.pem", "mine");
    expect(keygen("part", "2")).toEqual({
      status: 2,
      out: "",
      err: "keygen: part-1.pem: exists already; remove it first\n",
    });
    expect(() => statSync(join(directory, "part-0.pem"))).toThrow();
  });

  test("refuses what it does not understand in one line", () => {
    for (const args of [[], ["x"], ["x", "0"], ["x", "257"], ["x", "1.5"], ["x", "1", "2"]]) {
      const { status, err } = keygen(...args);
      expect(status).toBe(2);
      expect(err).toMatch(/^keygen: [^\n]*\n$/);
    }
    // A limit on files stands for a disk that is full; its signal is ignored.
    const command = [process.execPath, join(root, "src/bin/keygen.ts"), "full", "2"];
    const limited = ["sh", "-c", "trap '' XFSZ; ulimit -f 0; exec \"$@\"", "sh", ...command];
    const full = Bun.spawnSync(limited, { cwd: directory });
    expect({ status: full.exitCode, err: full.stderr.toString() }).toEqual({
      ...{ status: 2 },
      err: "keygen: full-0.pem: cannot be written: larger than a file may be (ulimit -f) (EFBIG)\n",
    });
    expect(existsSync(join(directory, "full-0.pem"))).toBe(false);
    expect(keygen("x", "257").err).toBe("keygen: N 257: expected a whole number from 1 to 256\n");
    expect(keygen("--force", "x", "1").status).toBe(2);
    expect(keygen("no/such/place", "1").err).toBe("keygen: no/such: no such directory\n");
    expect(keygen("-h").out).toContain("<PREFIX> <N>");
  });
});
