// A play of the playground run again, from its link or what follows the "#" of it.

import { UsageError } from "../base/errors.ts";
import { print } from "../base/logger.ts";
import { OutputFile } from "../cli/output-file.ts";
import { PlayRun } from "../simulation/play-run.ts";
import { msText, playText, readPlay } from "../simulation/play-link.ts";
import { registered } from "../simulation/subjects.ts";
import { Trace } from "../simulation/trace.ts";
import { recordPlay } from "../view/record-run.ts";
import { runPageHtml } from "../view/run-page.ts";
import type { Loaded } from "./mutants.ts";

export interface PlayCommand {
  readonly text: string;
  readonly loaded: Loaded;
  readonly load: string;
  /** Lines of the chart of a violation. */
  readonly traceLines: number;
  readonly html: string | undefined;
}

/** Runs it to where its link stands, or its end, and says what it came to. Throws UsageError. */
export async function replayPlay(command: PlayCommand): Promise<number> {
  const { text, loaded, load, traceLines, html } = command;
  const mutants = (loaded.mutants ?? []).map(({ subject }) => subject);
  const subjects = [...registered.values(), ...(loaded.subjects ?? []), ...mutants];
  const { play, subject, atUs, problems } = readPlay(text.slice(text.indexOf("#") + 1), subjects);
  if (problems.length > 0) throw new UsageError(`--play: ${problems.join("; ")}`);
  const file = html === undefined ? null : new OutputFile("html", html);
  const observer = new Trace(subject.protocol, traceLines);
  const run = new PlayRun(subject, play, observer);
  const toUs = atUs > 0 ? atUs : Infinity;
  run.advance(toUs);
  const { failures, traceHash, events, operations } = run.report();
  for (const { action, did } of run.done) {
    if (!did) print(`${msText(action.atUs)} ms: ${action.verb} ${action.target} changed nothing`);
  }
  for (const failure of failures) print(failure);
  if (failures.length > 0) for (const line of observer.lines) print(`  ${line}`);
  const endMs = msText(run.world.scheduler.nowUs);
  print(`${subject.name}: ${events} events until ${endMs} ms, ${operations} operations answered`);
  print(`trace hash ${traceHash}`);
  if (file !== null) {
    const words = ["npm run simulate --", ...(load === "" ? [] : [`--load ${load}`])];
    const command = `${words.join(" ")} --play "${playText(play, subject, atUs)}"`;
    const { data } = recordPlay(subject, play, toUs, { command, note: "" });
    file.write(await runPageHtml(data));
    if (html !== "-") print(`  page: ${html}`);
  }
  print(`${failures.length === 0 ? 1 : 0} passed, ${failures.length === 0 ? 0 : 1} failed`);
  return failures.length === 0 ? 0 : 1;
}
