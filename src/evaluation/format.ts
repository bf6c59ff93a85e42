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
  return value.toLocaleString("en-US");
}

/** A throughput in whole operations. */
export function formatThroughput(perSecond: number): string {
  return `${decimal(perSecond, 0)} operations a second`;
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
