// Lines of a chart by their dashes. Vega-Lite would give dashes a legend of their own, or have them
// outline the marks of another one.

import type { Line } from "./groups.ts";
import { dash, type Dash } from "./theme.ts";

interface DashedLayer {
  readonly strokeDash: Dash;
  /** Leaves the lines that have these dashes. */
  readonly transform: readonly object[];
}

/** A layer for each kind of dashes; `field` is what the data call what `name` calls a line. */
export function dashedLayers<T extends { readonly style: Line["style"] }>(
  lines: readonly T[],
  name: (line: T) => string,
  field: string,
): readonly DashedLayer[] {
  const byDash = Map.groupBy(lines, ({ style }) => dash(style));
  return [...byDash].map(([strokeDash, some]) => ({
    strokeDash,
    transform: [{ filter: { field, oneOf: some.map(name) } }],
  }));
}
