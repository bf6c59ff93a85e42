// A guided tour of each protocol: four runs, each a link. What they show follows from what the
// protocol tolerates, so that no protocol is named here.

import { playText } from "../../simulation/play-link.ts";
import { usualPlay, type Play, type PlayAction } from "../../simulation/play.ts";
import type { Subject } from "../../simulation/subject.ts";

export interface Stop {
  readonly title: string;
  readonly text: string;
  /** A play as text. */
  readonly link: string;
}

const CRASH_US = 120_000;
const BACK_US = 250_000;

/** The normal case; the leader dies; a replica comes back empty; a replica tells two stories. */
export function tourOf(subject: Subject): readonly Stop[] {
  const usual: Play = { ...usualPlay(subject), seed: 1, operations: 12, thinkMs: 8 };
  const stop = (title: string, text: string, play: Partial<Play>, atUs: number): Stop => ({
    title,
    text,
    link: playText({ ...usual, ...play }, subject, atUs),
  });
  const { n } = usual;
  const last = `r${n - 1}`;
  return [
    stop(
      "The normal case",
      "Clients ask, replicas order and execute, clients take the answer that enough give. " +
        "Follow c0#1 from its request to its reply.",
      { endMs: 400 },
      0,
    ),
    n === 1
      ? stop(
          "The only replica dies",
          "Nobody takes its place: clients ask again and again, and are not answered.",
          { endMs: 600, actions: [does(CRASH_US, "crash", "r0")] },
          CRASH_US - 20_000,
        )
      : stop(
          "The leader dies",
          "r0, which leads the first view, crashes. Watch timers run out and another view begin; " +
            "operations under way are answered there.",
          { endMs: 900, operations: 24, actions: [does(CRASH_US, "crash", "r0")] },
          CRASH_US - 20_000,
        ),
    stop(
      "A replica comes back empty",
      n === 1
        ? "It starts again and has forgotten all that it answered. Its clients' sessions are " +
            "gone too; what it said before is lost."
        : `${last} loses its memory and starts again. It asks the others where they are, fetches ` +
            "what it misses, and takes part again only once it can break no promise.",
      {
        endMs: 900,
        operations: 24,
        actions: [does(CRASH_US, "crash", last), does(BACK_US, "start", last)],
      },
      BACK_US - 10_000,
    ),
    fourth(subject, stop),
  ];
}

type MakeStop = (title: string, text: string, play: Partial<Play>, atUs: number) => Stop;

/** What is lied about, where replicas may lie; elsewhere the nearest that can happen. */
function fourth(subject: Subject, stop: MakeStop): Stop {
  if (subject.byzantine) {
    return stop(
      "Equivocation",
      "r0 is Byzantine and tells half of the others something else. Votes for two stories never " +
        "make two quorums: the judges find nothing, and the others go on, maybe in another view.",
      { endMs: 1500, operations: 24, actions: [does(CRASH_US, "byzantine", "r0", "equivocate")] },
      CRASH_US - 10_000,
    );
  }
  return stop(
    "No equivocation, but a leader that is cut off",
    "This protocol takes replicas to be honest, so none tells two stories. The nearest that can " +
      "happen: nobody hears r0 for a while, and it does not know that others went on without it.",
    {
      endMs: 1200,
      operations: 24,
      actions: [does(CRASH_US, "cut", "r0"), does(2 * BACK_US, "join", "r0")],
    },
    CRASH_US - 20_000,
  );
}

function does(atUs: number, verb: PlayAction["verb"], target: string, value = ""): PlayAction {
  return { atUs, verb, target, value };
}
