// The colours of the canvas: those of the page's style sheet, so that both change together.

const NAMES = [
  ...["paper", "ink", "soft", "faint", "rule", "lane", "lost", "violation", "past", "future"],
  ...["commit", "execute", "timer", "down", "paused", "starting", "chosen"],
] as const;

export type ColourName = (typeof NAMES)[number];

export interface Palette {
  readonly of: { readonly [name in ColourName]: string };
  /** For kinds of messages, the most frequent first; the last is for all others. */
  readonly kinds: readonly string[];
  /** For views, in turn. */
  readonly views: readonly string[];
}

export const KIND_COLOURS = 9;
const VIEW_COLOURS = 6;

/** Reads the style sheet as it is now. */
export function readPalette(): Palette {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  const several = (name: string, count: number): string[] =>
    Array.from({ length: count }, (_, i) => colour(`${name}-${i}`));
  const of = Object.fromEntries(NAMES.map((name) => [name, colour(name)])) as Palette["of"];
  return { of, kinds: several("kind", KIND_COLOURS), views: several("view", VIEW_COLOURS) };
}

/** The place in `kinds` of each kind: frequent kinds have colours of their own. */
export function kindColours(kinds: readonly string[], uses: readonly number[]): number[] {
  const plain = new Set(["part", "malformed"]);
  const ranked = kinds
    .map((name, index) => ({ name, index, used: uses[index] ?? 0 }))
    .filter(({ name }) => !plain.has(name))
    .sort((a, b) => b.used - a.used || a.index - b.index);
  const places = kinds.map(() => KIND_COLOURS - 1);
  for (const [rank, { index }] of ranked.slice(0, KIND_COLOURS - 1).entries()) places[index] = rank;
  return places;
}
