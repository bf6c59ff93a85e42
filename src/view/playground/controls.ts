// What stands above the diagram: which run it is, playing it, and the processes to act on.

import { html, nothing, type TemplateResult } from "lit-html";
import { SIGNED_TRICKS, TRICKS } from "../../simulation/seed-plan.ts";
import { playKinds, PLAY_BOUNDS, type Play, type Verb } from "../../simulation/play.ts";
import type { Subject } from "../../simulation/subject.ts";
import { timeText } from "../page/frame.ts";
import { planted } from "./planted.ts";

/** Virtual milliseconds in a second; 0: as fast as it can. */
export const SPEEDS = [1, 5, 20, 100, 1000, 0] as const;

/** A process as its card shows it. */
export interface ProcessCard {
  readonly name: string;
  /** Whether it is a replica, and may so be Byzantine. */
  readonly replica: boolean;
  readonly up: boolean;
  readonly paused: boolean;
  readonly cutOff: boolean;
  readonly byzantine: boolean;
  readonly leads: boolean;
  /** What it says of itself, in short. */
  readonly says: string;
}

export interface ControlState {
  readonly subject: Subject;
  readonly protocols: readonly string[];
  readonly play: Play;
  readonly playing: boolean;
  readonly over: boolean;
  readonly speed: number;
  readonly clockUs: number;
  readonly events: number;
  readonly traceHash: string;
  readonly verdict: string | null;
  /** Why nothing is promised; "" if the run is within what the protocol tolerates. */
  readonly beyond: string;
  readonly cards: readonly ProcessCard[];
  /** The process that is acted on; "": none. */
  readonly open: string;
  readonly pauseMs: number;
  readonly tricks: ReadonlySet<string>;
  readonly act: Controls;
}

export interface Controls {
  set(change: Partial<Play>): void;
  playOrPause(): void;
  step(): void;
  back(): void;
  rewind(): void;
  setSpeed(speed: number): void;
  ask(): void;
  open(name: string): void;
  does(verb: Verb, target: string, value?: string): void;
  setPause(ms: number): void;
  toggleTrick(trick: string): void;
}

export function controls(state: ControlState): TemplateResult {
  return html`
    <header class="play">
      <h1>Playground <span>${state.subject.name}</span></h1>
      ${verdict(state)}
      <span class="beyond">${state.beyond}</span>
    </header>
    ${settings(state)} ${transport(state)}
    <div class="cards" role="group" aria-label="Processes: choose one to act on it">
      ${state.cards.map((card) => cardButton(state, card))}
    </div>
    ${menu(state)}
  `;
}

function verdict({ verdict: violated, over }: ControlState): TemplateResult {
  if (violated === null) {
    const told = over ? "passed: nothing was violated" : "judged all the time: nothing is violated";
    return html`<span class="verdict passed" role="status">${told}</span>`;
  }
  return html`<span class="verdict failed" role="alert">${violated} violated</span>`;
}

function settings({ subject, protocols, play, act }: ControlState): TemplateResult {
  const calm = play.kind === "calm";
  const mutants = planted.map((mutant) => mutant.subject.name);
  const option = (name: string) =>
    html`<option value=${name} ?selected=${name === subject.name}>${name}</option>`;
  return html`
    <form class="settings" aria-label="The run" @submit=${(event: Event) => event.preventDefault()}>
      <label>
        protocol
        <select
          id="protocol"
          .value=${subject.name}
          @change=${(event: Event) => act.set({ protocol: valueOf(event) })}
        >
          <optgroup label="Protocols">${protocols.map(option)}</optgroup>
          ${
            mutants.length === 0
              ? nothing
              : html`<optgroup label="With a planted bug">${mutants.map(option)}</optgroup>`
          }
        </select>
      </label>
      <label>
        run
        <select
          id="kind"
          .value=${play.kind}
          title="A calm cluster, or a seed of the simulator with the faults that it draws"
          @change=${(event: Event) => act.set({ kind: valueOf(event) as Play["kind"] })}
        >
          ${playKinds(subject).map(
            (kind) =>
              html`<option value=${kind} ?selected=${kind === play.kind}>
                ${kind === "calm" ? "calm cluster" : `seed: ${kind}`}
              </option>`,
          )}
        </select>
      </label>
      ${number("seed", play.seed, "seed", 1, (seed) => act.set({ seed }))}
      ${
        calm
          ? html`
              ${number("replicas", play.n, "n", 1, (n) => act.set({ n }))}
              ${number("clients", play.clients, "clients", 1, (clients) => act.set({ clients }))}
              ${latency(play, act)}
              ${number("loss %", play.lossPercent, "loss", 0.1, (lossPercent) =>
                act.set({ lossPercent }),
              )}
              ${number("timeout ms", play.timeoutMs, "timeout", 1, (timeoutMs) =>
                act.set({ timeoutMs }),
              )}
              ${number("operations", play.operations, "operations", 1, (operations) =>
                act.set({ operations }),
              )}
              ${number("until ms", play.endMs, "end", 1, (endMs) => act.set({ endMs }))}
            `
          : nothing
      }
    </form>
  `;
}

function latency({ latencyMs: [min, max] }: Play, act: Controls): TemplateResult {
  return html`
    ${number("latency ms", min, "latency", 0.001, (ms) =>
      act.set({ latencyMs: [ms, Math.max(ms, max)] }),
    )}
    ${number("to", max, "latency", 0.001, (ms) => act.set({ latencyMs: [Math.min(ms, min), ms] }))}
  `;
}

function number(
  label: string,
  value: number,
  name: keyof typeof PLAY_BOUNDS,
  step: number,
  set: (value: number) => void,
): TemplateResult {
  const [min, max] = PLAY_BOUNDS[name];
  return html`
    <label>
      ${label}
      <input
        type="number"
        name=${label}
        .value=${`${value}`}
        min=${min}
        max=${max}
        step=${step}
        @change=${(event: Event) => {
          const { target } = event;
          if (!(target instanceof HTMLInputElement)) return;
          if (target.value !== "") set(Number(target.value));
          else target.value = `${value}`;
        }}
      />
    </label>
  `;
}

function transport(state: ControlState): TemplateResult {
  const { act, playing, over, speed, clockUs, events, traceHash } = state;
  return html`
    <div class="transport" role="group" aria-label="Playing">
      <button id="rewind" title="To the beginning" @click=${() => act.rewind()}>|◂ Begin</button>
      <button title="One event less (b)" @click=${() => act.back()}>◂ Back</button>
      <button
        id="play"
        class="main"
        title="Space"
        ?disabled=${over}
        @click=${() => act.playOrPause()}
      >
        ${playing ? "⏸ Pause" : "▶ Play"}
      </button>
      <button id="step" title="One event (n)" ?disabled=${over} @click=${() => act.step()}>
        Step ▸
      </button>
      <label>
        speed
        <select
          id="speed"
          .value=${`${speed}`}
          @change=${(event: Event) => act.setSpeed(Number(valueOf(event)))}
        >
          ${SPEEDS.map(
            (one) =>
              html`<option value=${one} ?selected=${one === speed}>
                ${one === 0 ? "as fast as it can" : `${one} ms a second`}
              </option>`,
          )}
        </select>
      </label>
      <button id="ask" title="Clients ask five operations more" @click=${() => act.ask()}>
        + 5 operations
      </button>
      <output class="clock">
        <b>${timeText(clockUs)}</b> ${events.toLocaleString("en-US")} events, trace hash
        <code id="hash">${traceHash}</code>${over ? " (the end)" : ""}
      </output>
    </div>
  `;
}

function cardButton({ open, act }: ControlState, card: ProcessCard): TemplateResult {
  const { name, up, paused, cutOff, byzantine, leads, says } = card;
  const states = [
    ...(up ? [] : ["down"]),
    ...(paused ? ["paused"] : []),
    ...(cutOff ? ["cut off"] : []),
    ...(byzantine ? ["Byzantine"] : []),
    ...(leads ? ["leads"] : []),
  ];
  return html`
    <button
      class="card ${up ? "up" : "down"} ${byzantine ? "liar" : ""}"
      data-process=${name}
      aria-expanded=${open === name}
      @click=${() => act.open(open === name ? "" : name)}
    >
      <b>${name}</b> <span>${states.join(", ")}</span> <small>${up ? says : "memory lost"}</small>
    </button>
  `;
}

function menu(state: ControlState): TemplateResult | typeof nothing {
  const { act, cards, open, pauseMs } = state;
  const card = cards.find(({ name }) => name === open);
  if (card === undefined) return nothing;
  const { name, up, cutOff } = card;
  return html`
    <div class="menu" role="group" aria-label="What ${name} suffers">
      <b>${name}</b>
      ${
        up
          ? html`<button id="crash" @click=${() => act.does("crash", name)}>Crash</button>`
          : html`<button id="start" @click=${() => act.does("start", name)}>Restart empty</button>`
      }
      <button ?disabled=${!up} @click=${() => act.does("pause", name, `${pauseMs}`)}>Pause</button>
      <label>
        for
        <input
          type="number"
          .value=${`${pauseMs}`}
          min="1"
          max="100000"
          aria-label="Milliseconds of the pause"
          @change=${(event: Event) => act.setPause(Number(valueOf(event)))}
        />
        ms
      </label>
      ${
        cutOff
          ? html`<button @click=${() => act.does("join", name)}>Join again</button>`
          : html`<button @click=${() => act.does("cut", name)}>Cut off</button>`
      }
      ${
        card.replica
          ? html`<button
              title="A second instance with its keys and address: both are Byzantine"
              @click=${() => act.does("twin", name)}
            >
              Twin
            </button>`
          : nothing
      }
      ${card.replica && state.subject.byzantine ? tricksOf(state, name) : nothing}
    </div>
  `;
}

function tricksOf({ act, tricks, play }: ControlState, name: string): TemplateResult {
  const shown = TRICKS.filter((trick) => play.auth === "sign" || !SIGNED_TRICKS.includes(trick));
  return html`
    <fieldset>
      <legend>tricks of the adversary</legend>
      ${shown.map(
        (trick) => html`
          <label>
            <input
              type="checkbox"
              name=${trick}
              .checked=${tricks.has(trick)}
              @change=${() => act.toggleTrick(trick)}
            />
            ${trick}
          </label>
        `,
      )}
      <button
        id="byzantine"
        ?disabled=${tricks.size === 0}
        @click=${() => act.does("byzantine", name, [...tricks].join("+"))}
      >
        Make Byzantine
      </button>
    </fieldset>
  `;
}

function valueOf({ target }: Event): string {
  const has = target instanceof HTMLSelectElement || target instanceof HTMLInputElement;
  return has ? target.value : "";
}
