// The live page of a cluster, which hears all else from its server.

import { pageHtml } from "./page-html.ts";

/** The page as HTML. */
export function livePageHtml(): Promise<string> {
  return pageHtml({
    title: "oskr: a cluster, live",
    head: "",
    styles: ["uplot/dist/uPlot.min.css", "live/live.css"],
    script: "live/live-app.ts",
    waiting: "Waits for the cluster",
    data: "",
  });
}
