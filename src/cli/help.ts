// Help texts: options in groups, each with whose it is.

import { renderUsage, type ArgsDef, type CommandDef } from "citty";

/** Options under one heading, in the order in which they are shown. */
export interface Group {
  readonly heading: string;
  readonly names: readonly string[];
}

/** Whose an option is, in programs that have some of replicas and some of clients. */
export type Whose = "replicas" | "client" | "both" | "each its own";

/** A program as its help describes it. */
export interface Described {
  readonly name: string;
  readonly description: string;
  /** As citty has them; positionals are those of type "positional", all required. */
  readonly args: ArgsDef;
  /** Options that are in none come first, under OPTIONS. */
  readonly groups?: readonly Group[];
  readonly whose?: ReadonlyMap<string, Whose>;
  /** Whether what is the replicas' has no default here, because they tell it. */
  readonly told?: boolean;
  /** What the help ends with. */
  readonly notes?: string;
}

/** What all programs have. */
export const ALL_ARGS = {
  verbose: { type: "boolean", description: "Say more of what is done, on standard error" },
  quiet: { type: "boolean", description: "Say nothing there but warnings and errors" },
  help: { type: "boolean", alias: "h", description: "Show this text" },
  version: { type: "boolean", description: "Show versions, of the build and of DPDK too" },
} as const satisfies ArgsDef;

/** Where nothing else is said. */
const GROUPS: readonly Group[] = [
  { heading: "OUTPUT", names: ["out", "title", "labels", "paper", "markdown", "readme", "json"] },
];
const LAST_GROUPS: readonly Group[] = [
  { heading: "MESSAGES", names: ["verbose", "quiet"] },
  { heading: "HELP", names: ["help", "version"] },
];

const WHOSE: { readonly [whose in Whose]: string } = {
  replicas: "replicas",
  client: "client",
  both: "both",
  "each its own": "both, each its own",
};
const LEGEND =
  "[replicas]: theirs; they tell clients, and a client that is given it refuses to run against " +
  "another.\n[client]: the clients'. " +
  "[both]: the same for replicas and clients, unless each has its own.";

/** A part of a help text: a heading, and a line for each name with what it is. */
export function namesAndTexts(
  heading: string,
  rows: readonly (readonly [name: string, text: string])[],
): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  const lines = rows.map(([name, text]) => `  ${name.padEnd(width)}    ${text}`);
  return `${heading}\n\n${lines.join("\n")}`;
}

/** The help text. */
export async function usage(command: Described): Promise<string> {
  const args: ArgsDef = { ...command.args, ...ALL_ARGS };
  const [head = ""] = (await rendered(command, args)).split(/^OPTIONS$/m);
  const groups = [...(command.groups ?? GROUPS), ...LAST_GROUPS];
  const named = new Set(groups.flatMap(({ names }) => names));
  const others = Object.keys(args).filter(
    (name) => !named.has(name) && args[name]?.type !== "positional",
  );
  const parts = [head.trimEnd()];
  for (const { heading, names } of [{ heading: "OPTIONS", names: others }, ...groups]) {
    const own = names.flatMap((name) => {
      const arg = args[name];
      return arg === undefined ? [] : [[name, withWhose(arg, name, command)] as const];
    });
    if (own.length === 0) continue;
    const [, lines = ""] = (await rendered(command, Object.fromEntries(own))).split(/^OPTIONS$/m);
    parts.push(`${heading}\n\n${lines.replace(/^\n+/, "").trimEnd()}`);
  }
  if (command.whose !== undefined) parts.push(LEGEND);
  if (command.notes !== undefined) parts.push(command.notes);
  return parts.join("\n\n");
}

function withWhose(
  arg: ArgsDef[string],
  name: string,
  { whose: all, told = false }: Described,
): ArgsDef[string] {
  const whose = all?.get(name);
  if (whose === undefined) return arg;
  const { default: usual, ...rest } = { default: undefined, ...arg };
  const tag = `[${WHOSE[whose]}]`;
  if (!told || whose !== "replicas") {
    return { ...arg, description: `${arg.description ?? ""} ${tag}` } as ArgsDef[string];
  }
  const text = rest.description?.replace(/ ?\(default: [^)]*\)/g, "") ?? "";
  return { ...rest, description: `${text} ${tag} (default: what they tell)` } as ArgsDef[string];
}

async function rendered({ name, description }: Described, args: ArgsDef): Promise<string> {
  const definition: CommandDef = { meta: { name, description }, args };
  // Columns were padded as if the colours took room.
  return Bun.stripANSI(await renderUsage(definition)).replace(/ +$/gm, "");
}
