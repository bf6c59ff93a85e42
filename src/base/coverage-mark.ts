// Coverage marks on rare branches tell a campaign whether its seeds reached them, as
// rust-analyzer's and TigerBeetle's do.

let hook: ((name: string) => void) | null = null;

/**
 * Reports that a rare branch was taken: `coverageMark("protocol: null batch fills a gap")`.
 * Costs a comparison outside the simulator. A campaign fails when a mark that its protocol declares
 * is never reached.
 */
export function coverageMark(name: string): void {
  if (hook !== null) hook(name);
}

/**
 * Has marks reported to `listener`, or to nobody; for the simulator, which runs one world at a
 * time.
 */
export function listenToMarks(listener: ((name: string) => void) | null): void {
  hook = listener;
}
