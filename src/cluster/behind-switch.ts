// The configurations of a cluster whose traffic goes through a switch.

import { readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { keyPath } from "../crypto/keys.ts";
import { freePorts } from "./free-ports.ts";

/** Configurations of what is behind a switch: of it, or of one replica. */
export function behindPrefix(prefix: string, replica?: number): string {
  return replica === undefined ? `${prefix}-behind` : `${prefix}-behind-${replica}`;
}

/**
 * Where replicas are behind a switch, which has the addresses in PREFIX.config: each knows its own
 * and those that the switch has for the others.
 */
export async function writeBehind(prefix: string, n: number, signed: boolean): Promise<void> {
  const front = readFileSync(`${prefix}.config`, "utf8");
  const own = (await freePorts(n)).map((port) => `replica 127.0.0.1:${port}%0`);
  const behind = (mine: (index: number) => boolean): string => {
    let index = 0;
    const lines = front.split("\n").map((line) => {
      if (!line.startsWith("replica ")) return line;
      const at = index++;
      return mine(at) ? (own[at] ?? line) : line;
    });
    return lines.join("\n");
  };
  writeFileSync(
    `${behindPrefix(prefix)}.config`,
    behind(() => true),
  );
  for (let i = 0; i < n; i++) {
    const path = behindPrefix(prefix, i);
    writeFileSync(
      `${path}.config`,
      behind((index) => index === i),
    );
    for (let k = 0; signed && k < n; k++) symlinkSync(keyPath(prefix, k), keyPath(path, k));
  }
}
