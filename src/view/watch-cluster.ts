// Watches a cluster that runs: a page on this machine, as long as the cluster is there.

import { loadNative } from "../ffi/native.ts";
import type { Watched, Watching } from "../cluster/demo.ts";
import { LiveCluster } from "./live-cluster.ts";
import { LiveServer } from "./live-server.ts";
import { livePageHtml } from "./live-html.ts";

/** Serves the page of the cluster. Throws UsageError. */
export async function watchCluster(watched: Watched): Promise<Watching> {
  const { cluster, mode, f, clientProcesses, hostname } = watched;
  const live = new LiveCluster({ cluster, mode, f, clientProcesses, native: loadNative() });
  return new LiveServer({ live, html: await livePageHtml(), hostname });
}
