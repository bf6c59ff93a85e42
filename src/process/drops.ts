// Counts of what was dropped, as records have them.

/** Sums of what was dropped, by reason; zeros are left out. */
export function mergeDrops(...all: readonly ReadonlyMap<string, number>[]): {
  [reason: string]: number;
} {
  const sums: { [reason: string]: number } = {};
  for (const drops of all) {
    for (const [reason, count] of drops) {
      if (count > 0) sums[reason] = (sums[reason] ?? 0) + count;
    }
  }
  return sums;
}
