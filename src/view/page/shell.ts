// The page around the diagram: what run it is, how it ended, search and kinds, keys.

import { html, nothing, type TemplateResult } from "lit-html";
import { MARK_TEXTS } from "./marks.ts";
import { SEARCH_HELP } from "./message-filter.ts";
import { panel, type PanelState } from "./panel.ts";
import type { Chosen } from "./run-model.ts";

export interface ShellState extends PanelState {
  readonly search: string;
  readonly searchProblem: string | null;
  readonly problems: readonly string[];
  readonly hidden: ReadonlySet<number>;
  /** The place of each kind's colour. */
  readonly colours: readonly number[];
  readonly uses: readonly number[];
  readonly help: boolean;
  readonly act: ShellActions;
  readonly around: Surroundings | null;
}

/** What a page has around the diagram that shows a run under way; without it, one that is over. */
export interface Surroundings {
  /** Height of what stands beside the diagram, in pixels. */
  readonly besidePx: number;
  readonly keys: ReadonlyMap<string, () => void>;
  readonly keyTexts: readonly (readonly [keys: string, what: string])[];
  /** In place of the run's name and verdict. */
  head(): TemplateResult;
  /** Above what is said of what is chosen. */
  beside(chosen: Chosen | null): TemplateResult;
  /** Somebody clicked on the lane of a process. */
  clicked(process: number): void;
}

export interface ShellActions {
  toggle(kind: number): void;
  only(kind: number): void;
  zoom(by: number): void;
  all(): void;
  violation(): void;
  dismiss(): void;
  help(): void;
  copyCommand(): void;
}

export const KEYS: readonly (readonly [keys: string, what: string])[] = [
  ["← →", "move"],
  ["+ −", "zoom in and out"],
  ["0", "the whole run"],
  [", .", "the message before, the next"],
  ["↑ ↓", "to what caused it, to what it caused"],
  ["f", "follow its operation, or no more"],
  ["c", "light up all that happened before"],
  ["v", "the violation"],
  ["/", "search"],
  ["Esc", "choose nothing"],
  ["?", "these keys"],
];

export function shell(state: ShellState): TemplateResult {
  return html`
    ${state.around?.head() ?? head(state)} ${tools(state)}
    ${
      state.problems.length === 0
        ? nothing
        : html`<p class="problem" role="alert">
            ${state.problems.join(" ")}
            <button @click=${() => state.act.dismiss()} aria-label="Dismiss">✕</button>
          </p>`
    }
    <main>
      <div class="stage">
        <canvas
          id="diagram"
          tabindex="0"
          role="application"
          aria-label="Space-time diagram; press ? for its keys"
        ></canvas>
        <canvas id="overview" aria-hidden="true"></canvas>
        <p class="status"></p>
        <div id="tip" hidden></div>
      </div>
      <aside aria-live="polite" aria-label="What is chosen">
        ${state.around?.beside(state.chosen) ?? nothing} ${panel(state)}
        ${state.chosen === null && state.followed < 0 ? legend() : nothing}
      </aside>
    </main>
    ${state.help ? help(state) : nothing}
  `;
}

function head({ model, act }: ShellState): TemplateResult {
  const { protocol, kind, seed, note, command, failures } = model.data;
  const [first] = failures;
  const verdict =
    first === undefined
      ? html`<span class="verdict passed">passed</span>`
      : html`<button class="verdict failed" @click=${() => act.violation()}>
          ${first.invariant} violated
        </button>`;
  return html`
    <header>
      <h1>${protocol} <span>seed ${seed}, ${kind}${note === "" ? "" : `, ${note}`}</span></h1>
      ${verdict}
      <button class="command" title="Copy: the same run" @click=${() => act.copyCommand()}>
        <code>${command}</code>
      </button>
    </header>
  `;
}

function tools(state: ShellState): TemplateResult {
  const { model, search, searchProblem, hidden, colours, uses, act, actions } = state;
  return html`
    <nav aria-label="What is shown">
      <input
        id="search"
        type="search"
        placeholder="Search: prepare r1 slot:7 …"
        title=${SEARCH_HELP}
        aria-label="Search messages"
        aria-invalid=${searchProblem !== null}
        .value=${search}
        @input=${(event: Event) => {
          if (event.target instanceof HTMLInputElement) actions.search(event.target.value);
        }}
      />
      ${searchProblem === null ? nothing : html`<span class="bad">${searchProblem}</span>`}
      <div class="kinds" role="group" aria-label="Kinds of messages">
        ${model.data.kinds
          .map((kind, index) => ({ kind, index }))
          .toSorted((a, b) => (uses[b.index] ?? 0) - (uses[a.index] ?? 0))
          .map(
            ({ kind, index }) => html`
              <button
                class="kind"
                style="--of: var(--kind-${colours[index] ?? 0})"
                aria-pressed=${!hidden.has(index)}
                title="Hide or show; with Alt this kind alone"
                @click=${(event: MouseEvent) => {
                  if (event.altKey) act.only(index);
                  else act.toggle(index);
                }}
              >
                ${kind} <small>${(uses[index] ?? 0).toLocaleString("en-US")}</small>
              </button>
            `,
          )}
      </div>
      <div class="zoom" role="group" aria-label="Zoom">
        <button @click=${() => act.zoom(1.6)} aria-label="Zoom in">+</button>
        <button @click=${() => act.zoom(1 / 1.6)} aria-label="Zoom out">−</button>
        <button @click=${() => act.all()}>Whole run</button>
        <button @click=${() => act.help()} aria-label="Keys">?</button>
      </div>
    </nav>
  `;
}

function legend(): TemplateResult {
  return html`
    <h2>Legend</h2>
    <ul class="legend">
      ${MARK_TEXTS.map(
        ([mark, text]) =>
          html`<li><canvas width="32" height="32" data-mark=${mark}></canvas>${text}</li>`,
      )}
      <li><i class="cross">✕</i>a message is lost, or finds its receiver down</li>
      <li><i class="ring">○</i>it arrives and is refused: its panel says by which rule</li>
      <li><i class="dash">╌</i>late, replayed, duplicated, repeated or corrupted</li>
    </ul>
  `;
}

function help({ act, around }: ShellState): TemplateResult {
  return html`
    <dialog open aria-label="Keys">
      <h2>Keys</h2>
      <dl>
        ${[...KEYS, ...(around?.keyTexts ?? [])].map(
          ([keys, what]) =>
            html`<dt><kbd>${keys}</kbd></dt>
              <dd>${what}</dd>`,
        )}
      </dl>
      <p>Wheel and pinch zoom, dragging moves; the strip below shows the whole run.</p>
      <p>Search: <code>${SEARCH_HELP}</code></p>
      <button @click=${() => act.help()}>Close</button>
    </dialog>
  `;
}
