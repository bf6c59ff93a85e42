// The live page as HTML: numbers, charts, a row for each replica, the fabric, and what happened.

import { html, nothing, type TemplateResult } from "lit-html";
import type { LiveAction, LiveNetwork, LiveReplica, LiveSample, LiveState } from "../live-data.ts";

export interface LivePageState {
  readonly state: LiveState | null;
  readonly sample: LiveSample | null;
  readonly connected: boolean;
  readonly problem: string | null;
  readonly act: (action: LiveAction) => void;
}

const EVENTS_SHOWN = 60;

export function livePage(page: LivePageState): TemplateResult {
  const { state, sample, connected, problem } = page;
  return html`
    <header>
      <h1>${state?.mode || "oskr"} <span>${clusterText(state)}</span></h1>
      <span class="verdict ${connected ? "passed" : "failed"}" role="status">
        ${connected ? "live" : "its server has ended, or does not answer"}
      </span>
    </header>
    ${problem === null ? nothing : html`<p class="problem" role="alert">${problem}</p>`}
    <section class="numbers" aria-label="What clients see">
      ${number("operations a second", sample === null ? "–" : whole(sample.throughput), "rate")}
      ${number("median latency", latencyText(sample?.p50Us ?? 0), "median")}
      ${number("99th percentile", latencyText(sample?.p99Us ?? 0), "tail")}
      ${number("completed", state === null ? "–" : whole(state.completed), "completed")}
    </section>
    <section class="charts">
      <figure>
        <figcaption>Operations a second</figcaption>
        <div id="throughput" role="img" aria-label="Throughput of the last minute"></div>
      </figure>
      <figure>
        <figcaption>Latency in ms</figcaption>
        <div id="latency" role="img" aria-label="Latency of the last minute"></div>
      </figure>
    </section>
    ${state === null ? html`<p>Waits for the cluster.</p>` : details(state, page.act)}
  `;
}

function clusterText(state: LiveState | null): string {
  return state === null ? "" : `${state.replicas.length} replicas, f = ${state.f}`;
}

function number(name: string, text: string, id: string): TemplateResult {
  return html`<div><b id=${id}>${text}</b><span>${name}</span></div>`;
}

function details(state: LiveState, act: LivePageState["act"]): TemplateResult {
  const done = state.events.toReversed().slice(0, EVENTS_SHOWN);
  return html`
    <section class="cluster">
      <div class="card">
        <h2>Replicas</h2>
        <div class="wide">
          <table>
            <thead>
              <tr>
                ${[
                  "",
                  "state",
                  "view",
                  "committed",
                  "executed",
                  "memory",
                  "processor",
                  "dropped",
                ].map((name) => html`<th scope="col">${name}</th>`)}
                ${state.readOnly ? nothing : html`<th scope="col">do</th>`}
              </tr>
            </thead>
            <tbody>
              ${state.replicas.map((replica, index) =>
                row(replica, index, state.readOnly ? null : act),
              )}
            </tbody>
          </table>
        </div>
        ${state.network === null ? nothing : fabric(state.network, act)}
      </div>
      <div class="card">
        <h2>What happened</h2>
        <ol class="timeline" aria-live="polite">
          ${done.map(
            ({ atMs, what, text }) =>
              html`<li class=${what}><time>${(atMs / 1000).toFixed(1)} s</time> ${text}</li>`,
          )}
        </ol>
        ${done.length === 0 ? html`<p class="hint">${quiet(state)}</p>` : nothing}
      </div>
    </section>
  `;
}

function quiet({ readOnly }: LiveState): string {
  return readOnly ? "Nothing yet." : "Nothing yet: kill the leader.";
}

/** `act` is null where nothing can be done. */
function row({ state, census }: LiveReplica, index: number, act: LivePageState["act"] | null) {
  const down = state === "down" || state === "restarting";
  const name = `replica ${index}`;
  const button = (action: "kill" | "stop" | "continue" | "restart", text: string, off: boolean) =>
    html`<button
      ?disabled=${off}
      aria-label="${text} ${name}"
      @click=${() => act?.({ action, replica: index })}
    >
      ${text}
    </button>`;
  const buttons = [
    button("kill", "Kill", down),
    state === "stopped" ? button("continue", "Continue", false) : button("stop", "Stop", down),
    button("restart", "Restart empty", state === "restarting"),
  ];
  const dropped = census?.dropped ?? [];
  const cells =
    census === null
      ? html`<td colspan="6">nothing was told yet</td>`
      : html`<td>${whole(census.view)}</td>
          <td>${whole(census.committed)}</td>
          <td class="executed">${whole(census.executed)}</td>
          <td>${(census.residentBytes / 2 ** 20).toFixed(0)} MiB</td>
          <td>${state === "up" ? `${(100 * census.cpuShare).toFixed(0)} %` : "–"}</td>
          <td title=${dropped.map(([reason, count]) => `${count} ${reason}`).join("\n")}>
            ${whole(dropped.reduce((sum, [, count]) => sum + count, 0))}
          </td>`;
  return html`
    <tr data-replica=${index} data-state=${state}>
      <th scope="row">
        r${index}${
          census?.leads === true && state === "up"
            ? html` <span class="leads">leads</span>`
            : nothing
        }
      </th>
      <td><span class="state ${state}">${stateText(state, census)}</span></td>
      ${cells} ${act === null ? nothing : html`<td class="buttons">${buttons}</td>`}
    </tr>
  `;
}

function stateText(state: LiveReplica["state"], census: LiveReplica["census"]): string {
  if (state === "up") return census === null ? "starts" : census.phase;
  return state === "stopped" ? "stands still" : state === "down" ? "down" : "starts again";
}

function fabric({ drop, delayUs }: LiveNetwork, act: LivePageState["act"]): TemplateResult {
  const send = (event: SubmitEvent): void => {
    event.preventDefault();
    if (!(event.target instanceof HTMLFormElement)) return;
    const data = new FormData(event.target);
    const [percent, delayMs] = [Number(data.get("loss")), Number(data.get("delay"))];
    act({ action: "network", network: { drop: percent / 100, delayUs: 1000 * delayMs } });
  };
  const heal = (event: Event): void => {
    if (event.target instanceof HTMLButtonElement) event.target.form?.reset();
    act({ action: "network", network: { drop: 0, delayUs: 0 } });
  };
  return html`
    <h2>Fabric</h2>
    <form @submit=${send}>
      <label
        >loses <input name="loss" type="number" min="0" max="100" step="any" value="0" /> %</label
      >
      <label
        >delays
        <input name="delay" type="number" min="0" max="10000" step="any" value="0" /> ms</label
      >
      <button type="submit">Apply</button>
      <button type="button" @click=${heal}>Heal</button>
      <span class="hint">now ${percentText(drop)} lost, ${delayUs / 1000} ms of delay</span>
    </form>
  `;
}

function percentText(share: number): string {
  return `${Number((100 * share).toFixed(3))} %`;
}

function whole(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

function latencyText(us: number): string {
  if (us === 0) return "–";
  return us < 1000 ? `${us} µs` : `${(us / 1000).toFixed(us < 10_000 ? 2 : 1)} ms`;
}
