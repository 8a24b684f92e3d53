// Arrays as tables of coloured numbers.

import { isGrid, isNumber, type Value } from "./data";
import { h } from "./dom";
import { entries, short, tuple } from "./format";
import { abs, finite, max, min } from "./maths";

const MOST_ROWS = 8;
const MOST_COLUMNS = 8;

/** How strongly an entry is coloured, from 0 to 1. */
export function heats(data: number[]): number[] {
  const most = max(...data.map(abs).filter(finite), 1e-300);
  return data.map((x) => (finite(x) ? abs(x) / most : 1));
}

/** The rows of an array that are shown, and whether more follow. */
export function windowOf(x: Value): { rows: number[][]; below: boolean; beside: boolean } | null {
  if (x == null || isNumber(x) || (!isGrid(x) && !x.corner)) return null;
  const shape = x.shape ?? [];
  const across = shape.at(-1) ?? 1;
  const down = shape.slice(0, -1).reduce((a, b) => a * b, 1);
  const columns = min(across, shape.length > 1 ? MOST_COLUMNS : 12);
  const rows = isGrid(x)
    ? Array.from({ length: min(down, MOST_ROWS) }, (_, r) => x.data.slice(r * across, r * across + columns))
    : x.corner!.map((row) => row.slice(0, columns));
  return { rows, below: down > rows.length, beside: across > (rows[0]?.length ?? 0) };
}

/** An array as a grid of numbers; null where it has no entries to show. */
export function grid(x: Value | undefined, kind: string): HTMLElement | null {
  const shown = x == null ? null : windowOf(x);
  if (!shown || !shown.rows.length) return null;
  const { rows, below, beside } = shown;
  const heat = heats(rows.flat());
  const columns = rows[0]!.length + Number(beside);
  const cells = rows.flatMap((row, r) => [
    ...row.map((v, c) => h("span", { style: `--heat: ${heat[r * row.length + c]!.toFixed(2)}` }, short(v, 4))),
    ...(beside ? [h("span.more", "\u2026")] : []),
  ]);
  if (below) cells.push(...Array.from({ length: columns }, () => h("span.more", "\u22ee")));
  return h("span", {
    class: `matrix ${kind}`, role: "img", "aria-label": entries(x),
    style: `grid-template-columns: repeat(${columns}, auto)`,
  }, ...cells);
}

/** What stands for a value in a line of text: a number, or an array's shape. */
export function brief(x: Value | undefined, text: string): string {
  return typeof x === "object" && x !== null && windowOf(x) ? tuple(x.shape ?? []) : text;
}
