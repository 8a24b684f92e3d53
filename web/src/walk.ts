// The arrow keys go from entry to entry of the arrays in the graph.

import { on } from "./dom";
import { min } from "./maths";

type Cell = SVGElement;

/** The entries that are shown, row by row. */
function rowsOf(scene: Element): Cell[][] {
  return [...scene.querySelectorAll('[role="row"]')]
    .filter((row) => !row.closest('[visibility="hidden"]'))
    .map((row) => [...row.querySelectorAll<Cell>('[role="gridcell"]')])
    .filter((cells) => cells.length);
}

/** Of all entries one can be reached by Tab: the one visited last. */
export function reachable(scene: Element): void {
  const cells = rowsOf(scene).flat();
  const reached = cells.filter((cell) => cell.getAttribute("tabindex") === "0").at(-1) ?? cells[0];
  for (const cell of scene.querySelectorAll('[tabindex="0"]')) cell.setAttribute("tabindex", "-1");
  reached?.setAttribute("tabindex", "0");
}

/** Let keys move the focus between the entries of a scene. */
export function walkable(scene: Element): void {
  on(scene, "keydown", (event) => {
    const rows = rowsOf(scene);
    const r = rows.findIndex((row) => row.includes(event.target as Cell));
    const row = rows[r];
    if (!row) return;
    const at = row.indexOf(event.target as Cell);
    const beside = (other: Cell[] | undefined): Cell | undefined => other?.[min(at, other.length - 1)];
    const moves: Record<string, Cell | undefined> = {
      ArrowLeft: row[at - 1], ArrowRight: row[at + 1],
      ArrowUp: beside(rows[r - 1]), ArrowDown: beside(rows[r + 1]),
      Home: row[0], End: row.at(-1),
    };
    if (!(event.key in moves)) return;
    event.preventDefault();
    const next = moves[event.key] ?? row[at]!;
    row[at]!.setAttribute("tabindex", "-1");
    next.setAttribute("tabindex", "0");
    next.focus();
  });
}
