// Marks on rare branches, so that a campaign can tell whether its seeds reached them.

let hook: ((name: string) => void) | null = null;

/**
 * Says that a rare branch was taken: `mark("pbft: null batch fills a gap")`. Costs a comparison
 * outside the simulator. A campaign fails when a mark that its subject declares is never reached.
 */
export function mark(name: string): void {
  if (hook !== null) hook(name);
}

/**
 * Has marks reported to `listener`, or to nobody; for the simulator, which runs one world at a
 * time.
 */
export function listenToMarks(listener: ((name: string) => void) | null): void {
  hook = listener;
}
