// The arrow keys go from entry to entry of the arrays in the graph.

import { on } from "./dom";

type Cell = SVGElement;

const grids = (scene: Element): Element[] =>
  [...scene.querySelectorAll('[role="grid"]')].filter((g) => g.getAttribute("visibility") !== "hidden");
const rowsOf = (grid: Element): Element[] => [...grid.querySelectorAll('[role="row"]')];
const cellsOf = (row: Element | undefined): Cell[] => [...(row?.querySelectorAll<Cell>('[role="gridcell"]') ?? [])];

/** Of all entries one can be reached by Tab: the one visited last. */
export function reachable(scene: Element): void {
  const [cell, ...others] = scene.querySelectorAll<Cell>('[role="gridcell"][tabindex="0"]');
  for (const other of others) other.setAttribute("tabindex", "-1");
  if (cell?.closest('[visibility="hidden"]') || !cell) {
    cell?.setAttribute("tabindex", "-1");
    cellsOf(grids(scene)[0])[0]?.setAttribute("tabindex", "0");
  }
}

/** The entry that a key leads to; null if the key leads nowhere. */
function reached(scene: Element, cell: Cell, key: string): Cell | null {
  const grid = cell.closest('[role="grid"]')!;
  const row = cell.closest('[role="row"]')!;
  const cells = cellsOf(row);
  const at = cells.indexOf(cell);
  const beside = (way: number): Cell | null => {
    const all = grids(scene);
    const rows = rowsOf(grid).filter((r) => cellsOf(r).length);
    const next = rows[rows.indexOf(row) + way] ??
      rowsOf(all[all.indexOf(grid) + way] ?? grid).filter((r) => cellsOf(r).length).at(way > 0 ? 0 : -1);
    const found = cellsOf(next);
    return found[Math.min(at, found.length - 1)] ?? null;
  };
  switch (key) {
    case "ArrowLeft": return cells[at - 1] ?? cell;
    case "ArrowRight": return cells[at + 1] ?? cell;
    case "ArrowUp": return beside(-1);
    case "ArrowDown": return beside(1);
    case "Home": return cells[0]!;
    case "End": return cells.at(-1)!;
    default: return null;
  }
}

/** Let keys move the focus between the entries of a scene. */
export function walkable(scene: Element): void {
  on(scene, "keydown", (event) => {
    const { key, target } = event;
    const cell = target instanceof SVGElement && target.matches('[role="gridcell"]') ? target : null;
    const next = cell && reached(scene, cell, key);
    if (!next) return;
    event.preventDefault();
    cell.setAttribute("tabindex", "-1");
    next.setAttribute("tabindex", "0");
    next.focus();
  });
}
