// What stands beside the diagram: what can be done to the chosen message, what was done so far,
// tours, the hunt for a bug, and the run as a link, a command and a script.

import { html, nothing, type TemplateResult } from "lit-html";
import { actionText, msText } from "../../simulation/play-link.ts";
import type { PlayAction } from "../../simulation/play.ts";
import type { Done } from "../../simulation/play-run.ts";
import type { Planted } from "./planted.ts";
import type { Stop } from "./tours.ts";

export interface BesideState {
  readonly problems: readonly string[];
  /** Whether something is chosen, which is told of below. */
  readonly chosen: boolean;
  /** Of the chosen message, which can be dropped; -1: none can. */
  readonly number: number;
  readonly delayMs: number;
  readonly actions: readonly PlayAction[];
  readonly done: readonly Done[];
  readonly tour: readonly Stop[];
  /** The planted bug that is to be found; null: this is no mutant. */
  readonly bug: Planted | null;
  /** The seed that is being looked at; -1: nobody hunts. */
  readonly hunted: number;
  readonly canHunt: boolean;
  readonly told: string;
  readonly link: string;
  readonly command: string;
  /** Null: nobody asked for it yet. */
  readonly script: string | null;
  readonly act: BesideActions;
}

export interface BesideActions {
  drop(): void;
  delay(): void;
  setDelay(ms: number): void;
  undo(action: PlayAction): void;
  visit(stop: Stop): void;
  hunt(): void;
  showScript(): void;
  copy(text: string): void;
  dismiss(): void;
}

export function beside(state: BesideState): TemplateResult {
  const { problems, told, act } = state;
  return html`
    ${
      problems.length === 0
        ? nothing
        : html`<div class="problem" role="alert">
            <button @click=${() => act.dismiss()} aria-label="Dismiss">✕</button>
            <b>The link is not quite right.</b>
            <ul>
              ${problems.map((problem) => html`<li>${problem}</li>`)}
            </ul>
            This is the nearest run.
          </div>`
    }
    ${told === "" ? nothing : html`<p class="hint" role="status">${told}</p>`}
    ${state.number < 0 ? nothing : onMessage(state)}
    ${
      state.chosen
        ? nothing
        : html`${acted(state)} ${hunting(state)} ${touring(state)} ${sharing(state)}`
    }
  `;
}

function onMessage({ number, delayMs, act }: BesideState): TemplateResult {
  return html`
    <div class="onmessage" role="group" aria-label="Message ${number}">
      <button id="drop" title="d" @click=${() => act.drop()}>Drop it</button>
      <button id="delay" title="l" @click=${() => act.delay()}>Delay it</button>
      <label>
        by
        <input
          type="number"
          .value=${`${delayMs}`}
          min="0.001"
          max="100000"
          step="any"
          aria-label="Milliseconds of the delay"
          @change=${({ target }: Event) => {
            if (target instanceof HTMLInputElement) act.setDelay(Number(target.value));
          }}
        />
        ms
      </label>
      <small>message ${number}; where it has arrived, the run is played again without it</small>
    </div>
  `;
}

function acted({ actions, done, act }: BesideState): TemplateResult {
  return html`
    <h2>What was done by hand</h2>
    ${
      actions.length === 0
        ? html`<p class="hint">Nothing yet. Choose a process above, or an arrow of the diagram.</p>`
        : html`<ol class="actions">
            ${actions.map((action, i) => {
              const state =
                done[i] === undefined ? "to come" : done[i].did ? "" : "changed nothing";
              return html`<li>
                <button
                  title="Leave it out, and play the run again"
                  aria-label="Leave out ${actionText(action)}"
                  @click=${() => act.undo(action)}
                >
                  ✕
                </button>
                <span>${msText(action.atUs)} ms</span> ${sentence(action)} <i>${state}</i>
              </li>`;
            })}
          </ol>`
    }
  `;
}

function sentence({ verb, target, value }: PlayAction): string {
  switch (verb) {
    case "crash":
      return `${target} crashes`;
    case "start":
      return `${target} starts with an empty memory`;
    case "pause":
      return `${target} pauses for ${value} ms`;
    case "cut":
      return `${target} is cut off`;
    case "join":
      return `${target} joins again`;
    case "twin":
      return `${target} gets a twin`;
    case "byzantine":
      return `${target} becomes Byzantine: ${value.replaceAll("+", ", ")}`;
    case "drop":
      return `message ${target} is dropped`;
    case "delay":
      return `message ${target} is delayed by ${value} ms`;
    case "ask":
      return `clients ask ${value} operations more`;
  }
}

function hunting({ bug, hunted, canHunt, act }: BesideState): TemplateResult | typeof nothing {
  if (!canHunt) return nothing;
  return html`
    <h2>${bug === null ? "Look for a seed that fails" : "Find the bug"}</h2>
    <p class="hint">
      ${
        bug === null
          ? "Seeds after this one, with all the faults that they draw, until one fails."
          : `A bug is planted here. What convicts it: ${bug.convictedBy.join(" or ")}, ` +
            `by seeds of kind ${bug.kind}. Break it by hand, or let seeds look for it.`
      }
    </p>
    <button id="hunt" @click=${() => act.hunt()}>
      ${hunted < 0 ? "Run seeds until one fails" : `Stop: seed ${hunted}`}
    </button>
  `;
}

function touring({ tour, act }: BesideState): TemplateResult {
  return html`
    <h2>A tour</h2>
    <ol class="tour">
      ${tour.map(
        (stop) => html`
          <li>
            <a href="#${stop.link}" @click=${() => act.visit(stop)}>${stop.title}</a>
            <span>${stop.text}</span>
          </li>
        `,
      )}
    </ol>
  `;
}

function sharing({ link, command, script, act }: BesideState): TemplateResult {
  return html`
    <h2>This run</h2>
    <p class="share">
      <button id="copy-link" @click=${() => act.copy(link)}>Copy link</button>
      <button @click=${() => act.copy(command)}>Copy command</button>
      <button id="show-script" @click=${() => act.showScript()}>
        ${script === null ? "Scenario script" : "Hide script"}
      </button>
    </p>
    <pre id="command">${command}</pre>
    ${
      script === null
        ? nothing
        : html`<textarea id="script" readonly rows="14" aria-label="Scenario script">
${script}</textarea>
            <button @click=${() => act.copy(script)}>Copy script</button>`
    }
  `;
}
