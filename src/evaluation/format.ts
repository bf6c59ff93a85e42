// Figures and tables as text for people.

/** With thousands apart and so many decimals. */
export function decimal(value: number, digits: number): string {
  return value.toLocaleString("en-US", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

/** With thousands apart, and such decimals as there are. */
export function count(value: number): string {
  return value.toLocaleString("en-US", { maximumFractionDigits: 9 });
}

/** Below it fractions of a rate are worth telling. */
const FRACTIONS_BELOW = 100;

/** A number a second: whole, or with three digits that count. */
export function rate(perSecond: number): string {
  if (perSecond >= FRACTIONS_BELOW) return decimal(perSecond, 0);
  return perSecond.toLocaleString("en-US", { maximumSignificantDigits: 3 });
}

export function formatThroughput(perSecond: number): string {
  return `${rate(perSecond)} operations a second`;
}

/**
 * Rows of cells as lines, the head first. The first column is aligned to the left, as are others of
 * which all cells are words; numbers stand to the right.
 */
export function alignColumns(rows: readonly (readonly string[])[]): string {
  const columns = Math.max(0, ...rows.map((row) => row.length));
  const shapes = Array.from({ length: columns }, (_, i) => ({
    width: Math.max(...rows.map((row) => row[i]?.length ?? 0)),
    words: i === 0 || rows.slice(1).every((row) => /^[a-z]/i.test(row[i] ?? "")),
  }));
  return rows
    .map((row) =>
      shapes
        .map(({ width, words }, i) =>
          words ? (row[i] ?? "").padEnd(width) : (row[i] ?? "").padStart(width),
        )
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
