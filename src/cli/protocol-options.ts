// Options that belong to protocols: -h shows all of them, and each protocol takes its own.

import type { ArgsDef } from "citty";
import type { AnyProtocol } from "../actor.ts";
import { UsageError } from "../base/errors.ts";
import type { OptionValues, ProtocolOption } from "../protocol-config.ts";
import type { Options } from "./command-line.ts";

type Protocols = ReadonlyMap<string, AnyProtocol>;

/** Who has an option of one name, and as what. */
interface Owner {
  readonly mode: string;
  readonly option: ProtocolOption;
}

/** The options of all protocols by their names. */
function byName(protocols: Protocols): ReadonlyMap<string, readonly Owner[]> {
  const found = new Map<string, Owner[]>();
  for (const [mode, { options }] of protocols) {
    for (const [name, option] of options ?? []) {
      found.set(name, [...(found.get(name) ?? []), { mode, option }]);
    }
  }
  return found;
}

/** Definitions of all protocols' options; those of one name are one option. */
export function protocolArgs(protocols: Protocols): ArgsDef {
  return Object.fromEntries(
    [...byName(protocols)].map(([name, owners]) => {
      const options = [...new Set(owners.flatMap(({ option }) => option.values))];
      return [name, { type: "enum", options, description: describe(owners) }] as const;
    }),
  );
}

/** `a, b: what (default: x); c: what else (default: y)`. */
function describe(owners: readonly Owner[]): string {
  const modes = new Map<string, string[]>();
  for (const { mode, option } of owners) {
    const text = `${option.description} (default: ${option.values[0]})`;
    modes.set(text, [...(modes.get(text) ?? []), mode]);
  }
  return [...modes].map(([text, who]) => `${who.join(", ")}: ${text}`).join("; ");
}

/** Options of who signs or checks signatures. */
const OF_SIGNATURES: readonly string[] = ["signature", "crypto", "workers"];

/**
 * Whether an option that is not a protocol's own changes anything there; clients may sign, which
 * one-time keys are not for.
 */
export function hasUse({ signed, without }: AnyProtocol, name: string, signs = false): boolean {
  if (OF_SIGNATURES.includes(name)) return signed || signs;
  return without?.some((one) => one === name) !== true;
}

/**
 * Throws UsageError for an option that was given and changes nothing in any of the modes: what is
 * told of a run would say what was not so.
 */
function refuseUseless(options: Options, protocols: Protocols, modes: readonly string[]): void {
  const isSet = (name: string, to: string) => options.given.has(name) && options.text(name) === to;
  const signs = isSet("request-auth", "sign");
  for (const name of options.given) {
    const oneTime = name === "signature" && isSet(name, "hybrid");
    const who = [...protocols].flatMap(([mode, one]) =>
      hasUse(one, name, signs && !oneTime) ? [mode] : [],
    );
    if (modes.some((mode) => who.includes(mode))) continue;
    const what = oneTime ? `${name} hybrid` : name;
    throw new UsageError(`--${what}: ${who.join(", ")} have it, not ${modes.join(", ")}`);
  }
}

/**
 * The values that were given of protocols' options, by name. Throws UsageError for an option, be it
 * one of these or another, that none of the modes has, and for a value that one of those that have
 * it does not know.
 */
export function readProtocolOptions(
  options: Options,
  protocols: Protocols,
  modes: readonly string[],
): OptionValues {
  refuseUseless(options, protocols, modes);
  const given = [...byName(protocols)].filter(([name]) => options.given.has(name));
  return new Map(
    given.map(([name, owners]) => {
      const value = options.textOf(name);
      const takers = owners.filter(({ mode }) => modes.includes(mode));
      if (takers.length === 0) {
        const those = owners.map(({ mode }) => mode).join(", ");
        const have = owners.length === 1 ? "has" : "have";
        throw new UsageError(`--${name}: ${those} ${have} it, not ${modes.join(", ")}`);
      }
      const deaf = takers.find(({ option }) => !option.values.includes(value));
      if (deaf !== undefined) {
        const { mode, option } = deaf;
        throw new UsageError(`--${name} ${value}: ${mode} expects ${option.values.join(", ")}`);
      }
      return [name, value] as const;
    }),
  );
}
