// Serves the page of a cluster that runs, and its numbers, to who has the token in its address.

import { timingSafeEqual } from "node:crypto";
import { codeOf, describeErrno } from "../base/errno.ts";
import { UsageError } from "../base/errors.ts";
import { readAction, type LiveCluster } from "./live-cluster.ts";
import type { LiveUpdate } from "./live-data.ts";
import { METRICS_TYPE, metricsText } from "./live-metrics.ts";

/** How often pages are told. */
const TELL_MS = 250;
const TOKEN_BYTES = 18;
const BODY_MAX = 1024;
const HEADERS = {
  "cache-control": "no-store",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};
/** The page may ask nobody but its own server, and stands in no other page. */
const POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; " +
  "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

type Answer = (request: Request) => Response | Promise<Response>;

interface Known {
  readonly method: string;
  readonly answer: Answer;
}

export interface LiveServerOptions {
  readonly live: Pick<LiveCluster, "look" | "state" | "samples" | "skipped" | "act">;
  readonly html: string;
  /** Of the interface to listen on. */
  readonly hostname: string;
}

export class LiveServer {
  /** With the token: who opens it sees the page. */
  readonly address: string;
  readonly #options: LiveServerOptions;
  readonly #server: Bun.Server<undefined>;
  readonly #token = Buffer.from(crypto.getRandomValues(new Uint8Array(TOKEN_BYTES))).toString(
    "base64url",
  );
  readonly #origin: string;
  readonly #listeners = new Set<() => void>();
  readonly #timer: Timer;
  readonly #answers: ReadonlyMap<string, Known>;

  /** Listens on a free port; throws UsageError. */
  constructor(options: LiveServerOptions) {
    this.#options = options;
    const { live, html, hostname } = options;
    this.#answers = new Map<string, Known>([
      ["/", { method: "GET", answer: () => htmlResponse(html) }],
      ["/events", { method: "GET", answer: (request) => this.#tellOn(request) }],
      ["/metrics", { method: "GET", answer: () => this.#metrics() }],
      ["/actions", { method: "POST", answer: (request) => this.#act(request) }],
    ]);
    this.#server = listen(hostname, (request) => this.#answer(request));
    this.#origin = `http://${this.#server.hostname}:${this.#server.port}`;
    this.address = `${this.#origin}/?token=${this.#token}`;
    this.#timer = setInterval(() => {
      live.look();
      for (const tell of this.#listeners) tell();
    }, TELL_MS);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#server.stop(true);
  }

  #answer(request: Request): Response | Promise<Response> {
    const { pathname } = new URL(request.url);
    const refusal = this.#refuse(request);
    if (refusal !== null) return refusal;
    const known = this.#answers.get(pathname);
    if (known === undefined) return told(404, `there is no ${pathname}`);
    if (request.method === known.method) return known.answer(request);
    return told(405, `${pathname}: expected ${known.method}`, { allow: known.method });
  }

  /** Strangers, and pages of others that a browser shows: these may name our address as well. */
  #refuse(request: Request): Response | null {
    const { headers, url } = request;
    const own = new URL(this.#origin);
    const hosts = [own.host, `localhost:${own.port}`];
    const host = headers.get("host") ?? "";
    if (!hosts.includes(host)) return told(403, `this is ${own.host}, and no other name of it`);
    const origin = headers.get("origin");
    const isOwn = origin === null || origin === `http://${host}`;
    if (!isOwn || isOfOthers(headers)) return told(403, "requests of other pages are refused");
    const bearer = /^Bearer (.+)$/.exec(headers.get("authorization") ?? "")?.[1];
    const token = bearer ?? new URL(url).searchParams.get("token") ?? "";
    if (this.#isToken(token)) return null;
    return told(401, "the address that was printed ends in a token, which this one has not");
  }

  #isToken(text: string): boolean {
    const [given, own] = [Buffer.from(text), Buffer.from(this.#token)];
    return given.length === own.length && timingSafeEqual(given, own);
  }

  #metrics(): Response {
    const { state, samples } = this.#options.live;
    const text = metricsText(state, samples.at(-1) ?? null);
    return new Response(text, { headers: { ...HEADERS, "content-type": METRICS_TYPE } });
  }

  async #act(request: Request): Promise<Response> {
    const body = await request.text();
    if (body.length > BODY_MAX) return told(413, `an action has at most ${BODY_MAX} bytes`);
    let value: unknown;
    try {
      value = JSON.parse(body);
    } catch {
      return told(400, "the action is no JSON");
    }
    const action = readAction(value);
    if (typeof action === "string") return told(400, action);
    const refusal = await this.#options.live.act(action);
    return refusal === null
      ? new Response(null, { status: 204, headers: HEADERS })
      : told(409, refusal);
  }

  /** Server-sent events: all there is at first, then what is new. */
  #tellOn(request: Request): Response {
    const { live } = this.#options;
    this.#server.timeout(request, 0);
    let seen = 0;
    let tell: () => void = () => {};
    const encoder = new TextEncoder();
    const stream = new ReadableStream<Uint8Array>({
      start: (controller) => {
        tell = () => {
          const samples = live.samples.slice(Math.max(0, seen - live.skipped));
          seen = live.skipped + live.samples.length;
          const update: LiveUpdate = { state: live.state, samples };
          controller.enqueue(encoder.encode(`data: ${JSON.stringify(update)}\n\n`));
        };
        this.#listeners.add(tell);
        tell();
      },
      cancel: () => void this.#listeners.delete(tell),
    });
    request.signal.addEventListener("abort", () => void this.#listeners.delete(tell));
    const headers = { ...HEADERS, "content-type": "text/event-stream" };
    return new Response(stream, { headers });
  }
}

/** Whether a browser says that another page asks, unless it is a link that somebody follows. */
function isOfOthers(headers: Headers): boolean {
  const site = headers.get("sec-fetch-site") ?? "none";
  const isLink = headers.get("sec-fetch-mode") === "navigate";
  const isTab = headers.get("sec-fetch-dest") === "document";
  return site !== "none" && site !== "same-origin" && !(isLink && isTab);
}

function listen(hostname: string, fetch: Answer): Bun.Server<undefined> {
  try {
    return Bun.serve({ hostname, port: 0, fetch, maxRequestBodySize: 4 * BODY_MAX });
  } catch (error) {
    const code = codeOf(error);
    if (code === null) throw error;
    throw new UsageError(`--watch-on ${hostname}: ${describeErrno(code)}`);
  }
}

function htmlResponse(html: string): Response {
  const type = "text/html; charset=utf-8";
  const headers = { ...HEADERS, "content-type": type, "content-security-policy": POLICY };
  return new Response(html, { headers });
}

function told(
  status: number,
  text: string,
  more: { readonly [name: string]: string } = {},
): Response {
  const type = "text/plain; charset=utf-8";
  return new Response(`${text}\n`, {
    status,
    headers: { ...HEADERS, "content-type": type, ...more },
  });
}
