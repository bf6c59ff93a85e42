// Watches a cluster that runs: a page on this machine, as long as the cluster is there.

import { loadNative } from "../ffi/native.ts";
import type { Watched, Watching } from "../cluster/demo.ts";
import { LiveCluster, type WatchedCluster } from "./live-cluster.ts";
import { LiveServer } from "./live-server.ts";
import { livePageHtml } from "./live-html.ts";
import { OwnCluster } from "./own-cluster.ts";

/** Serves the page of a cluster that this process started. Throws UsageError. */
export function watchCluster(watched: Watched): Promise<Watching> {
  return servePage(new OwnCluster(watched), watched.hostname);
}

/** Serves the page of any cluster, on the interface `hostname`. Throws UsageError. */
export async function servePage(cluster: WatchedCluster, hostname: string): Promise<Watching> {
  const live = new LiveCluster({ cluster, native: loadNative() });
  return new LiveServer({ live, html: await livePageHtml(), hostname });
}
