// What processes are in for a while: views, starts and recoveries, pauses, crashes.

import type { BandData } from "./run-data.ts";

interface Open {
  readonly fromUs: number;
  readonly view: number;
  readonly text: string;
}

type Kind = BandData["kind"];

export class Bands {
  readonly #done: BandData[] = [];
  /** By kind and process. */
  readonly #open = new Map<string, Open>();

  down(process: number, atUs: number): void {
    for (const kind of ["view", "starting", "paused"] as const) this.#close(process, kind, atUs);
    this.#set(process, "down", { fromUs: atUs, view: -1, text: "down: its memory is lost" });
  }

  up(process: number, atUs: number): void {
    this.#close(process, "down", atUs);
  }

  paused(process: number, fromUs: number, toUs: number, text: string): void {
    this.#done.push({ process, fromUs, toUs, kind: "paused", view: -1, text });
  }

  /** The view and phase that a replica says after an event. */
  look(process: number, atUs: number, view: number, phase: string): void {
    const before = this.#open.get(`view ${process}`);
    if (before?.view !== view) {
      this.#close(process, "view", atUs);
      this.#set(process, "view", { fromUs: atUs, view, text: `view ${view}` });
    }
    const was = this.#open.get(`starting ${process}`);
    if (phase === "running" || (was !== undefined && was.text !== phase)) {
      this.#close(process, "starting", atUs);
    }
    if (phase !== "running" && was?.text !== phase) {
      this.#set(process, "starting", { fromUs: atUs, view: -1, text: phase });
    }
  }

  /** All of them so far; those under way end at `endUs`. */
  until(endUs: number): BandData[] {
    const open = [...this.#open].map(([name, band]): BandData => {
      const [kind = "", process = ""] = name.split(" ");
      return { process: Number(process), kind: kind as Kind, toUs: endUs, ...band };
    });
    return [...this.#done, ...open].map((band) => ({ ...band, toUs: Math.min(band.toUs, endUs) }));
  }

  #set(process: number, kind: Kind, open: Open): void {
    this.#open.set(`${kind} ${process}`, open);
  }

  #close(process: number, kind: Kind, atUs: number): void {
    const name = `${kind} ${process}`;
    const open = this.#open.get(name);
    if (open === undefined) return;
    this.#open.delete(name);
    this.#done.push({ process, kind, toUs: atUs, ...open });
  }
}
