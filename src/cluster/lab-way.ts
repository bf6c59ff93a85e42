// How a program is run on a host of an inventory without Ansible, which tells what it printed only
// when it has ended.

/** What Ansible's variables of a host say. */
export interface LabWay {
  /** `ansible_connection`. */
  readonly connection: string;
  /** `ansible_host`, or the name. */
  readonly host: string;
  /** `ansible_port`, `ansible_user`, `ansible_ssh_private_key_file`; empty strings: by default. */
  readonly port: string;
  readonly user: string;
  readonly key: string;
  /** `ansible_ssh_common_args` and `ansible_ssh_extra_args`, as words. */
  readonly args: readonly string[];
  /** `ansible_become`: as root, by sudo. */
  readonly become: boolean;
  /** `oskr_directory` and `oskr_run_directory`. */
  readonly directory: string;
  readonly runDirectory: string;
}

/** Quickly found to be unreachable, and never asking for a password. */
const SSH = [
  ...["ssh", "-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=5"],
  ...["-o", "ServerAliveInterval=2", "-o", "ServerAliveCountMax=3"],
];

/** From what inventory.yml writes of a host. */
export function labWayOf(name: string, fields: readonly unknown[]): LabWay {
  const texts = fields.map((field) => String(field ?? ""));
  const [connection = "", host = "", port = "", user = "", key = "", common = ""] = texts;
  const [extra = "", become = "", directory = "", runDirectory = ""] = texts.slice(6);
  return {
    ...{ connection, host: host === "" ? name : host, port, user, key },
    args: [...wordsOf(common), ...wordsOf(extra)],
    become: /^(true|yes|on|1)$/i.test(become),
    directory,
    runDirectory: runDirectory === "" ? `${directory}/run` : runDirectory,
  };
}

/** The command here that runs a command there; null where it is reached neither by ssh nor here. */
export function commandOn(way: LabWay, command: readonly string[]): readonly string[] | null {
  const own = way.become ? ["sudo", "-n", ...command] : command;
  if (way.connection === "local") return own;
  if (way.connection !== "ssh" && way.connection !== "smart") return null;
  return [
    ...SSH,
    ...way.args,
    ...(way.port === "" ? [] : ["-p", way.port]),
    ...(way.user === "" ? [] : ["-l", way.user]),
    ...(way.key === "" ? [] : ["-i", way.key]),
    // Its shell gets the words as they are.
    ...["--", way.host, own.map(quoted).join(" ")],
  ];
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/** The words of a command line, with the quotes that shells know and nothing else of theirs. */
export function wordsOf(line: string): readonly string[] {
  const words = line.match(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g) ?? [];
  return words.map((word) => word.replace(/"([^"]*)"|'([^']*)'/g, "$1$2"));
}
