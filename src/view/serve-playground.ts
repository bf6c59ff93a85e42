// What npm run playground does: builds the page of the playground, and serves it on this machine.

import type { ArgsDef } from "citty";
import { codeOf, describeErrno } from "../base/errno.ts";
import { INTERRUPTED, UsageError } from "../base/errors.ts";
import { aborted, stopSignal } from "../base/interruption.ts";
import { print } from "../base/logger.ts";
import type { Command, Options } from "../cli/command-line.ts";
import { playgroundHtml } from "./playground-html.ts";

const HOST = "127.0.0.1";
const HEADERS = {
  "content-type": "text/html; charset=utf-8",
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
};

const ARGS = {
  out: {
    type: "string",
    default: "docs/playground.html",
    valueHint: "FILE",
    description: "Where the page goes, which is all of it",
  },
  port: {
    type: "string",
    default: "0",
    valueHint: "N",
    description: "The port on 127.0.0.1 (0: a free one)",
  },
  build: { type: "boolean", description: "Build the page, and serve nothing" },
} as const satisfies ArgsDef;

export const PLAYGROUND: Command = {
  name: "npm run playground --",
  description: "The simulator in a browser: one page, built and served on this machine",
  args: ARGS,
};

/** Builds the page and serves it until somebody interrupts; the status. Throws UsageError. */
export async function servePlayground(options: Options): Promise<number> {
  const file = options.output("out");
  const port = options.integer("port", 0, 65_535);
  const html = await playgroundHtml();
  file?.write(html);
  print(
    `${options.textOf("out")}: ${Math.round(html.length / 1000)} KB, opens from a disk as well`,
  );
  if (options.flag("build")) return 0;
  const stop = stopSignal();
  const server = listen(port, html);
  print(`http://${HOST}:${server.port}/`);
  await aborted(stop);
  await server.stop(true);
  return INTERRUPTED;
}

function listen(port: number, html: string): Bun.Server<undefined> {
  const fetch = (request: Request): Response => {
    if (new URL(request.url).pathname !== "/") return new Response(null, { status: 404 });
    return new Response(html, { headers: HEADERS });
  };
  try {
    return Bun.serve({ hostname: HOST, port, fetch });
  } catch (error) {
    const code = codeOf(error);
    if (code === null) throw error;
    throw new UsageError(`--port ${port}: ${describeErrno(code)}`);
  }
}
