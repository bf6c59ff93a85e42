// What stands beside the diagram: of the run as a whole, or of what is chosen.

import { html, nothing, type TemplateResult } from "lit-html";
import { MARKS } from "../run-data.ts";
import { timeText } from "./frame.ts";
import type { Chosen, Light, RunModel } from "./run-model.ts";

/** What can be asked for on the page. */
export interface Actions {
  choose(chosen: Chosen | null): void;
  follow(operation: number): void;
  search(text: string): void;
  widen(all: boolean): void;
  copyLink(): void;
}

export interface PanelState {
  readonly model: RunModel;
  readonly chosen: Chosen | null;
  readonly followed: number;
  readonly light: Light | null;
  /** Whether happened-before lights up, and not only what handlers sent. */
  readonly all: boolean;
  readonly actions: Actions;
}

const LIST_MAX = 40;

export function panel(state: PanelState): TemplateResult {
  const { chosen, followed } = state;
  if (chosen === null) return followed < 0 ? runPanel(state) : operationPanel(state);
  if (chosen.what === "message") return messagePanel(state, chosen.index);
  if (chosen.what === "handler") return handlerPanel(state, chosen.index);
  return failurePanel(state, chosen.index);
}

function runPanel({ model, actions }: PanelState): TemplateResult {
  const { facts, failures, operations, traceHash, skipped } = model.data;
  return html`
    ${failures.map(
      ({ invariant, text, atUs }, index) => html`
        <button class="failure" @click=${() => actions.choose({ what: "failure", index })}>
          <b>${invariant}</b> violated at ${timeText(atUs)}<span>${text}</span>
        </button>
      `,
    )}
    <h2>The run</h2>
    <dl>
      ${facts.map(
        ([name, value]) =>
          html`<dt>${name}</dt>
            <dd>${value}</dd>`,
      )}
      <dt>trace hash</dt>
      <dd><code>${traceHash}</code></dd>
      ${
        skipped > 0
          ? html`<dt>left out</dt>
              <dd>${skipped} messages before the first one here</dd>`
          : nothing
      }
    </dl>
    <h2>Operations</h2>
    <p class="hint">Follow one from its request to its reply.</p>
    <div class="chips">
      ${operations
        .slice(0, 300)
        .map(
          ({ name, answeredUs }, index) => html`
            <button
              class="chip ${answeredUs < 0 ? "open" : ""}"
              title=${answeredUs < 0 ? "never answered" : `answered at ${timeText(answeredUs)}`}
              @click=${() => actions.follow(index)}
            >
              ${name}
            </button>
          `,
        )}
    </div>
  `;
}

function operationPanel({ model, followed, actions }: PanelState): TemplateResult {
  const operation = model.data.operations[followed];
  if (operation === undefined) return html``;
  const { name, askedUs, answeredUs } = operation;
  const counts = new Map<string, number>();
  for (let message = 0; message < model.count; message++) {
    if (!model.contentOf(message).about.includes(followed)) continue;
    const kind = model.kindOf(message);
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return html`
    <h2>Operation ${name}</h2>
    <dl>
      <dt>asked</dt>
      <dd>${timeText(askedUs)}</dd>
      <dt>answered</dt>
      <dd>${answeredUs < 0 ? "never" : timeText(answeredUs)}</dd>
      ${
        answeredUs < 0
          ? nothing
          : html`<dt>took</dt>
              <dd>${timeText(answeredUs - askedUs)}</dd>`
      }
    </dl>
    <h3>Its messages</h3>
    <ul>
      ${[...counts].map(([kind, count]) => html`<li>${count} ${kind}</li>`)}
    </ul>
    ${footer(actions, "follow no operation")}
  `;
}

function messagePanel(state: PanelState, message: number): TemplateResult {
  const { model, actions } = state;
  const { messages } = model;
  const { size, fields, signers, about, view, slot } = model.contentOf(message);
  const fate = model.fateOf(message);
  const how = model.howOf(message);
  const [sentUs, endUs] = [messages.sentUs[message] ?? 0, messages.endUs[message] ?? 0];
  const [from, to] = [model.nameOf(messages.from[message]), model.nameOf(messages.to[message])];
  const cause = messages.cause[message] ?? -1;
  const handler = messages.handler[message] ?? -1;
  const arrival =
    fate.class === "lost" ? "on its way" : `${timeText(endUs)}, after ${timeText(endUs - sentUs)}`;
  return html`
    <h2>${model.kindOf(message)} <span class="route">${from} → ${to}</span></h2>
    <p class="fate ${fate.class.replace(" ", "-")}">${fateText(fate.class, fate.what, to)}</p>
    <dl>
      <dt>sent</dt>
      <dd>${timeText(sentUs)}${how === "sent" ? "" : `, ${how}`}</dd>
      <dt>${fate.class === "lost" ? "lost" : "arrives"}</dt>
      <dd>${arrival}</dd>
      <dt>size</dt>
      <dd>${size} bytes</dd>
      ${view < 0 ? nothing : fact("view", html`${link(`view:${view}`, `${view}`, actions)}`)}
      ${slot < 0 ? nothing : fact("slot", html`${link(`slot:${slot}`, `${slot}`, actions)}`)}
      <dt>signed by</dt>
      <dd>${signers.length === 0 ? "nobody" : signers.join(", ")}</dd>
    </dl>
    ${operationChips(state, about)} ${causal(state)}
    <h3>Sent because of</h3>
    <p>${cause < 0 ? "no call of its process is known" : handlerLink(model, cause, actions)}</p>
    <h3>What ${to} did then</h3>
    ${handler < 0 ? html`<p>Nothing: it never handled it.</p>` : doings(state, handler)}
    <h3>Fields</h3>
    <table>
      ${fields.map(
        ([path, value]) =>
          html`<tr>
            <th>${path}</th>
            <td>${value}</td>
          </tr>`,
      )}
    </table>
    ${footer(actions, "choose nothing")}
  `;
}

function fateText(fate: string, what: string, to: string): string {
  if (fate === "handled") return `handled by ${to}`;
  if (fate === "lost") return `lost in the network: ${what}`;
  return fate === "refused" ? `refused by ${to}: ${what}` : what;
}

function handlerPanel(state: PanelState, handler: number): TemplateResult {
  const { model, actions } = state;
  const { process, atUs, cause, message } = model.handlers;
  const because = cause[handler] ?? -1;
  const handled = message[handler] ?? -1;
  return html`
    <h2>${model.nameOf(process[handler])}: ${model.callOf(handler)}</h2>
    <dl>
      <dt>at</dt>
      <dd>${timeText(atUs[handler] ?? 0)}</dd>
    </dl>
    ${handled < 0 ? nothing : html`<p>${messageLink(model, handled, actions)}</p>`}
    ${
      because < 0
        ? nothing
        : html`<h3>Sent because of</h3>
            <p>${handlerLink(model, because, actions)}</p>`
    }
    ${causal(state)}
    <h3>What it did</h3>
    ${doings(state, handler)} ${footer(actions, "choose nothing")}
  `;
}

function failurePanel(state: PanelState, index: number): TemplateResult {
  const { model, actions } = state;
  const failure = model.data.failures[index];
  if (failure === undefined) return html``;
  const { invariant, text, atUs, handler, process } = failure;
  const [first = "", ...rest] = text.split("\n");
  const names: readonly string[] = first.match(/\bc\d+#\d+/g) ?? [];
  const named = model.data.operations.flatMap(({ name }, i) => (names.includes(name) ? [i] : []));
  return html`
    <h2 class="violated">${invariant} violated</h2>
    <p>${first}</p>
    ${rest.length === 0 ? nothing : html`<pre>${rest.join("\n")}</pre>`}
    ${operationChips(state, named)}
    <dl>
      <dt>at</dt>
      <dd>${timeText(atUs)}</dd>
      ${
        process < 0
          ? nothing
          : html`<dt>process</dt>
              <dd>${model.nameOf(process)}</dd>`
      }
    </dl>
    ${
      handler < 0
        ? nothing
        : html`<h3>In</h3>
            <p>${handlerLink(model, handler, actions)}</p>
            ${causal(state)}
            <h3>What it did</h3>
            ${doings(state, handler)}`
    }
    ${footer(actions, "choose nothing")}
  `;
}

/** What a call sent and did. */
function doings({ model, actions }: PanelState, handler: number): TemplateResult {
  const { marks, texts } = model.data;
  const done = (model.marksOf[handler] ?? []).map((mark) => {
    const kind = MARKS[marks.kind[mark] ?? 0] ?? "";
    const text = texts[marks.text[mark] ?? 0] ?? "";
    return kind === "checkpoint" ? text : `${kind} ${text}`;
  });
  const sent = model.sentBy[handler] ?? [];
  if (done.length + sent.length === 0) return html`<p>Nothing that others see.</p>`;
  return html`
    <ul>
      ${done.slice(0, LIST_MAX).map((text) => html`<li>${text}</li>`)}
      ${sent.slice(0, LIST_MAX).map((one) => html`<li>${messageLink(model, one, actions)}</li>`)}
      ${sent.length > LIST_MAX ? html`<li>and ${sent.length - LIST_MAX} more</li>` : nothing}
    </ul>
  `;
}

/** Operations to follow. */
function operationChips({ model, followed, actions }: PanelState, some: readonly number[]) {
  if (some.length === 0) return nothing;
  return html`<div class="chips">
    ${some
      .slice(0, LIST_MAX)
      .map(
        (operation) => html`
          <button
            class="chip ${operation === followed ? "on" : ""}"
            @click=${() => actions.follow(operation === followed ? -1 : operation)}
          >
            follow ${model.data.operations[operation]?.name}
          </button>
        `,
      )}
  </div>`;
}

function causal({ light, all, actions }: PanelState): TemplateResult {
  if (light === null) return html``;
  return html`
    <p class="causal">
      <span class="past">${light.past} message${light.past === 1 ? "" : "s"} led to it</span>,
      <span class="future">${light.future} followed</span>.
      <label>
        <input
          type="checkbox"
          .checked=${all}
          @change=${(event: Event) =>
            actions.widen(event.target instanceof HTMLInputElement && event.target.checked)}
        />
        and all that happened before or after in their processes
      </label>
    </p>
  `;
}

function fact(name: string, value: TemplateResult): TemplateResult {
  return html`<dt>${name}</dt>
    <dd>${value}</dd>`;
}

function link(search: string, text: string, actions: Actions): TemplateResult {
  const title = `show ${search} alone`;
  return html`<button class="link" title=${title} @click=${() => actions.search(search)}>
    ${text}
  </button>`;
}

function messageLink(model: RunModel, index: number, actions: Actions): TemplateResult {
  const { from, to } = model.messages;
  const route = `${model.nameOf(from[index])} → ${model.nameOf(to[index])}`;
  const fate = model.fateOf(index);
  const told = fate.class === "handled" ? "" : ` (${fate.class})`;
  return html`<button class="link" @click=${() => actions.choose({ what: "message", index })}>
    ${model.kindOf(index)} ${route}${told}
  </button>`;
}

function handlerLink(model: RunModel, index: number, actions: Actions): TemplateResult {
  const { process, message } = model.handlers;
  const handled = message[index] ?? -1;
  const chosen: Chosen =
    handled < 0 ? { what: "handler", index } : { what: "message", index: handled };
  return html`<button class="link" @click=${() => actions.choose(chosen)}>
    ${model.nameOf(process[index])}: ${model.callOf(index)}
  </button>`;
}

function footer(actions: Actions, text: string): TemplateResult {
  const clear = (): void => {
    actions.choose(null);
    actions.follow(-1);
  };
  return html`
    <p class="foot">
      <button @click=${() => actions.copyLink()}>Copy link</button>
      <button @click=${clear}>${text} <kbd>Esc</kbd></button>
    </p>
  `;
}
