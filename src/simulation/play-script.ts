// A play as a scenario script, with what its commands print: as it would stand in tests/scenarios.

import { msText } from "./play-link.ts";
import type { Play, PlayAction } from "./play.ts";
import type { Subject } from "./subject.ts";
import { toleratedFaults } from "../protocol/index.ts";
import { runScript } from "./scenario.ts";

/** What is shown of the run: who stopped and started, and what was done by hand. */
const SHOWN = "crashes starts pauses is joins";

/** The script of a play as far as `untilUs`, with those of its actions that changed something. */
export function playScript(
  play: Play,
  subject: Subject,
  actions: readonly PlayAction[],
  untilUs: number,
): string {
  const lines = [
    `# A run of the playground: ${play.protocol}, seed ${play.seed}.`,
    "",
    `> ${beginning(play, subject)}`,
    `> show ${SHOWN}`,
    ...actions.flatMap((action) => [`> until ${msText(action.atUs)}`, `> ${command(action)}`]),
    `> until ${msText(untilUs)}`,
    "> census",
    ...(play.kind === "calm" && untilUs >= play.endMs * 1000 ? ["> judge"] : []),
    "> hash",
  ];
  return runScript(subject, `${lines.join("\n")}\n`);
}

function beginning(play: Play, { protocol }: Subject): string {
  const { kind, seed, n, clients, operations, thinkMs, latencyMs, lossPercent } = play;
  if (kind !== "calm") return `seed ${kind} ${seed}`;
  const words = [`n=${n} f=${toleratedFaults(protocol, n)} timeout=${play.timeoutMs}`];
  words.push(`clients=${clients} seed=${seed} latency=${latencyMs.join("-")}`);
  words.push(`loss=${lossPercent} operations=${operations} think=${thinkMs} auth=${play.auth}`);
  return `cluster ${words.join(" ")}`;
}

function command({ verb, target, value }: PlayAction): string {
  const name = verb === "cut" ? "cutoff" : verb;
  const whom = verb === "drop" || verb === "delay" ? `#${target}` : target;
  return [name, whom, value.replaceAll(" ", "-")].filter((word) => word !== "").join(" ");
}
