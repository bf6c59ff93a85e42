// Tables of the page. Whatever text comes in is escaped here, and nowhere else.

import { decimal } from "../evaluation/format.ts";
import type { Spread } from "../evaluation/summary.ts";

export interface Column {
  readonly title: string;
  /** Numbers stand to the right, one under the other. */
  readonly numeric: boolean;
}

/** Text, or a value with its spread below it. */
export type Cell = string | { readonly value: string; readonly spread: string };

export type Row = readonly Cell[];

export interface Table {
  readonly id: string;
  readonly caption: string;
  readonly columns: readonly Column[];
  readonly groups: readonly RowGroup[];
}

/** Rows under a title of their own, unless that is null. */
export interface RowGroup {
  readonly title: string | null;
  readonly rows: readonly Row[];
}

export const text = (title: string): Column => ({ title, numeric: false });
export const number = (title: string): Column => ({ title, numeric: true });

/** A median, and from where to where repetitions reached if there were several. */
export function spreadCell({ median, min, max }: Spread): Cell {
  const digits = digitsOf(median);
  const value = decimal(median, digits);
  return { value, spread: min === max ? "" : `${decimal(min, digits)}–${decimal(max, digits)}` };
}

/** Decimals that leave a value four significant digits, or all before the point. */
function digitsOf(value: number): number {
  return value >= 1000 ? 0 : value >= 100 ? 1 : value >= 10 ? 2 : 3;
}

/** HTML that scrolls sideways by itself where the page is too narrow. */
export function tableHtml({ id, caption, columns, groups }: Table): string {
  const kind = (index: number): string => (columns[index]?.numeric === true ? " class=number" : "");
  const head = columns
    .map(({ title }, index) => `<th scope=col${kind(index)}>${Bun.escapeHTML(title)}</th>`)
    .join("");
  const rowHtml = (row: Row): string => {
    const cells = row.map((cell, index) =>
      index === 0
        ? `<th scope=row${kind(index)}>${cellHtml(cell)}</th>`
        : `<td${kind(index)}>${cellHtml(cell)}</td>`,
    );
    return `<tr>${cells.join("")}</tr>`;
  };
  const bodies = groups.map(({ title, rows }) =>
    [
      "<tbody>",
      ...(title === null
        ? []
        : [
            `<tr class=group><th scope=rowgroup colspan=${columns.length}>` +
              `<span>${Bun.escapeHTML(title)}</span></th></tr>`,
          ]),
      ...rows.map(rowHtml),
      "</tbody>",
    ].join("\n"),
  );
  return [
    `<h3 id="${id}-caption">${Bun.escapeHTML(caption)}</h3>`,
    `<div class=scroll role=region tabindex=0 aria-labelledby="${id}-caption">`,
    `<table id="${id}" aria-labelledby="${id}-caption">`,
    `<thead><tr>${head}</tr></thead>`,
    ...bodies,
    "</table></div>",
  ].join("\n");
}

function cellHtml(cell: Cell): string {
  if (typeof cell === "string") return Bun.escapeHTML(cell);
  const spread = cell.spread === "" ? "" : `<small>${Bun.escapeHTML(cell.spread)}</small>`;
  return `${Bun.escapeHTML(cell.value)}${spread}`;
}
