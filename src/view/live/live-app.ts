// Begins the live page of a cluster: hears its server, shows what that tells, and passes on what
// the buttons ask for.

import { render } from "lit-html";
import type { LiveAction, LiveUpdate } from "../live-data.ts";
import { Charts } from "./charts.ts";
import { livePage, type LivePageState } from "./live-page.ts";

class LiveApp {
  readonly #root: HTMLElement;
  readonly #charts: Charts;
  readonly #token = new URLSearchParams(location.search).get("token") ?? "";
  #update: LiveUpdate | null = null;
  #connected = true;
  #problem: string | null = null;

  constructor(root: HTMLElement) {
    this.#root = root;
    root.replaceChildren();
    this.#render();
    this.#charts = new Charts(root);
    const events = new EventSource(this.#address("events"));
    events.addEventListener("message", ({ data }) => this.#hear(JSON.parse(data) as LiveUpdate));
    events.addEventListener("open", () => this.#connect(true));
    events.addEventListener("error", () => this.#connect(false));
    const dark = matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", () => this.#charts.recolour());
    addEventListener("resize", () => this.#charts.resize());
  }

  #address(path: string): string {
    return `${path}?token=${encodeURIComponent(this.#token)}`;
  }

  #hear(update: LiveUpdate): void {
    this.#update = update;
    this.#charts.add(update);
    this.#render();
    this.#root.dataset["ready"] = "";
  }

  #connect(connected: boolean): void {
    this.#connected = connected;
    this.#render();
  }

  async #act(action: LiveAction): Promise<void> {
    this.#problem = null;
    try {
      const answer = await fetch(this.#address("actions"), {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(action),
      });
      if (!answer.ok) this.#problem = (await answer.text()).trim();
    } catch (error) {
      this.#problem = `the server does not answer: ${error instanceof Error ? error.message : ""}`;
    }
    this.#render();
  }

  #render(): void {
    const state: LivePageState = {
      state: this.#update?.state ?? null,
      sample: this.#update?.samples.at(-1) ?? null,
      connected: this.#connected,
      problem: this.#problem,
      act: (action) => void this.#act(action),
    };
    render(livePage(state), this.#root);
  }
}

const root = document.querySelector<HTMLElement>("#page");
if (root !== null) new LiveApp(root);
