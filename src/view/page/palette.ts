// The colours of the canvas: those of the page's style sheet, so that both change together.

import type { RunData } from "../run-data.ts";

const NAMES = [
  ...["paper", "ink", "soft", "faint", "rule", "lane", "lost", "violation", "past", "future"],
  ...["commit", "execute", "timer", "down", "paused", "starting", "chosen"],
] as const;

export type ColourName = (typeof NAMES)[number];

export interface Palette {
  readonly of: { readonly [name in ColourName]: string };
  /** For kinds of messages by their rank; the last is for all others. */
  readonly kinds: readonly string[];
  /** For views, in turn. */
  readonly views: readonly string[];
}

const KIND_COLOURS = 13;
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

/** The same with further kinds behind those that have their colours already. */
export function moreColours(known: readonly number[], { kinds }: Pick<RunData, "kinds">): number[] {
  const plain = KIND_COLOURS - 1;
  const next = known.filter((place) => place < plain).length;
  const added = kinds.slice(known.length);
  const isPlain = (name: string) => name === "part" || name === "malformed";
  const places = added.map((name, i) => {
    const before = added.slice(0, i).filter((other) => !isPlain(other)).length;
    return isPlain(name) ? plain : Math.min(plain, next + before);
  });
  return [...known, ...places];
}

/**
 * The place in `kinds` of each kind: those that carry operations of clients, or vote on them, have
 * colours of their own first, and then the frequent ones, because that is what is followed by eye.
 */
export function kindColours({ kinds, contents, messages }: RunData, uses: readonly number[]) {
  const plain = new Set(["part", "malformed"]);
  const about = kinds.map(() => 0);
  for (const content of messages.content) {
    const { kind = 0, about: some = [] } = contents[content] ?? {};
    if (some.length > 0) about[kind] = (about[kind] ?? 0) + 1;
  }
  const ranked = kinds
    .map((name, index) => ({ name, index, used: uses[index] ?? 0, bears: about[index] ?? 0 }))
    .filter(({ name }) => !plain.has(name))
    .sort((a, b) => b.bears - a.bears || b.used - a.used || a.index - b.index);
  const places = kinds.map(() => KIND_COLOURS - 1);
  for (const [rank, { index }] of ranked.slice(0, KIND_COLOURS - 1).entries()) places[index] = rank;
  return places;
}
