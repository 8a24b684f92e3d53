// One box of the graph: measured before the layout, then drawn and kept up to date.

import { sizeOf } from "./arrays";
import type { Numbers, Run, Value } from "./data";
import { s, set } from "./dom";
import { shapeOf, short, show, tuple } from "./format";
import { heats, windowOf } from "./grids";
import { fitted, widthOf } from "./text";
import { ceil, finite, floor, max, min } from "./maths";

export const SIZES = { name: 14, expression: 13, number: 14, cell: 13 };

const PAD = 11;
const GAP = 18;
const ROW = 21;
const HEAD = 29;
const SIGN = 17;
const MOST_ROWS = 6;
const MOST_COLUMNS = 6;

/** Where a value goes in a box: on a line, or in a table of cells. */
interface Block {
  top: number;
  height: number;
  rows: number;
  columns: number;
  cell: number;
  shape: number[];
}

export interface Plan {
  width: number;
  height: number;
  value: Block;
  gradient: Block;
}

/** The part of an array that is shown: rows of texts, with dots where it goes on. */
function shownCells(x: Value | undefined, room = Infinity): { texts: string[][]; sizes: number[][] } | null {
  const found = x == null ? null : windowOf(x);
  if (!found) return null;
  const shape = shapeOf(x);
  const [columns, whole] = [shape.at(-1) ?? 1, sizeOf(shape.slice(0, -1))];
  const most = min(room, whole > 1 ? MOST_COLUMNS : 8);
  const cut = columns > most;
  const rows = found.rows.slice(0, whole > MOST_ROWS ? MOST_ROWS - 1 : MOST_ROWS);
  const sizes = rows.map((row) => row.slice(0, cut ? most - 1 : most));
  const texts = sizes.map((row) => [...row.map((v) => short(v, 4)), ...(cut ? ["\u2026"] : [])]);
  if (whole > MOST_ROWS && texts[0]) texts.push(texts[0].map(() => "\u22ee"));
  return texts.length && texts[0]!.length ? { texts, sizes } : null;
}

/** How a box holds everything that its members will show. */
export function planned(
  run: Run, numbers: Numbers, members: number[], sums: Map<number, Value[]>, room: number,
): Plan {
  const most = room - 2 * PAD;
  const some = members.slice(0, 200);
  const repeat = members.length > 1 ? ` \u00d7${members.length}` : "";
  const heads = some.map((i) => {
    const v = run.vertices[i]!;
    const label = v.rule == null ? "constant" : v.expression + repeat;
    return widthOf(headOf(run, i), SIZES.name, true) + GAP + widthOf(label, SIZES.expression);
  });
  const value = block(some.map((i) => numbers.values[i]), "", HEAD, most);
  const gradient = block(some.flatMap((i) => sums.get(i) ?? []), "\u2202 ", HEAD + value.height, most);
  const widest = max(90, ...heads.map((w) => min(w, most)),
    widthOfBlock(value), widthOfBlock(gradient));
  return {
    width: ceil(widest + 2 * PAD),
    height: HEAD + value.height + (gradient.height || ROW) + 6, value, gradient,
  };
}

function widthOfBlock(x: Block): number {
  return x.rows ? x.columns * x.cell + SIGN : x.cell;
}

/** A vertex' name, with its shape. */
export function headOf(run: Run, vertex: number): string {
  const { name, shape } = run.vertices[vertex]!;
  return shape.length ? `${name} ${tuple(shape)}` : name;
}

function block(
  values: (Value | undefined)[], sign: string, top: number, most: number, across = Infinity,
): Block {
  const cells = values.map((x) => shownCells(x, across));
  const first = cells[0];
  const alike = first && cells.every((c) => c && c.texts.length === first.texts.length &&
    c.texts[0]!.length === first.texts[0]!.length);
  if (!alike) {
    const cell = min(most, max(0, ...values.map((x) => widthOf(sign + show(x), SIZES.number))));
    return { top, height: values.length ? ROW : 0, rows: 0, columns: 0, cell, shape: [] };
  }
  const texts = cells.flatMap((c) => c!.texts.flat());
  const cell = max(30, ...texts.map((t) => widthOf(t, SIZES.cell))) + 12;
  const x = values[0] as { shape: number[] };
  const [rows, columns] = [first.texts.length, first.texts[0]!.length];
  if (columns > 2 && columns * cell + SIGN > most) return block(values, sign, top, most, columns - 1);
  return { top, height: rows * ROW + 5, rows, columns, cell, shape: x.shape };
}

/** A box as it is drawn. */
export class BoxView {
  readonly group: SVGGElement;
  readonly #name = s("text.name", { x: PAD, y: 20 });
  readonly #expression: SVGTextElement;
  readonly #title = s("title");
  readonly #value: BlockView;
  readonly #gradient: BlockView;

  constructor(readonly plan: Plan, x: number, y: number, kinds: string[], rounded: boolean) {
    this.#expression = s("text.expression", { x: plan.width - PAD, y: 20 });
    this.#value = new BlockView(plan.value, plan.width, "value", "");
    this.#gradient = new BlockView(plan.gradient, plan.width, "gradient", "\u2202 ");
    this.group = s("g", { class: kinds.join(" "), transform: `translate(${x} ${y})` },
      this.#title,
      s("rect.frame", { width: plan.width, height: plan.height, rx: rounded ? 14 : 5 }),
      this.#name, this.#expression, this.#value.element, this.#gradient.element);
  }

  /** Whether everything still fits. */
  update(
    name: string, label: string, value: Value | undefined, gradient: Value | undefined, tip: string,
    nameOf: (entry: number) => string,
  ): boolean {
    const room = this.plan.width - 2 * PAD;
    const shown = fitted(name, SIZES.name, label ? 0.75 * room : room, true);
    this.#name.textContent = shown;
    this.#expression.textContent =
      fitted(label, SIZES.expression, room - GAP - widthOf(shown, SIZES.name, true));
    this.#title.textContent = tip;
    const fits = this.#value.update(value, name, nameOf);
    return this.#gradient.update(gradient, `Derivative in ${name}`, (k) => `derivative in ${nameOf(k)}`) && fits;
  }

  /** The entry under a point of the box. */
  entryOf(target: EventTarget | null): number | null {
    return this.#value.entryOf(target) ?? this.#gradient.entryOf(target);
  }

  /** A contribution has arrived: let the sum show it. */
  arrive(): void {
    this.group.classList.remove("arrived");
    this.group.getBoundingClientRect();  // so that the motion starts anew
    this.group.classList.add("arrived");
  }

  /** The cells of the box, by entry: those of its value, or of its gradient. */
  cellsOf(entry: number): SVGElement[] {
    return [...this.#value.cellsOf(entry), ...this.#gradient.cellsOf(entry)];
  }
}

class BlockView {
  readonly element: SVGGElement;
  readonly #line: SVGTextElement;
  readonly #cells: { rect: SVGRectElement; text: SVGTextElement; entry: number }[] = [];

  constructor(private readonly plan: Block, width: number, kind: string, private readonly sign: string) {
    const { top, rows, columns, cell, shape } = plan;
    this.#line = s("text", { x: PAD, y: top + 15, class: kind });
    this.element = s("g", this.#line);
    if (rows) set(this.element, "role", "grid");
    const left = PAD + SIGN;
    const step = min(cell, (width - PAD - left) / max(1, columns));
    const across = shape.at(-1) ?? 1;
    for (let r = 0; r < rows; r += 1) {
      const row = s("g", { role: "row" });
      for (let c = 0; c < columns; c += 1) {
        const rect = s("rect", {
          x: left + c * step, y: top + r * ROW, width: step - 1.5, height: ROW - 1.5, rx: 2, class: `cell ${kind}`,
        });
        const text = s("text", {
          x: left + (c + 1) * step - 7, y: top + r * ROW + 14.5, class: `entry ${kind}`, "aria-hidden": "true",
        });
        row.append(rect, text);
        this.#cells.push({ rect, text, entry: r * across + c });
      }
      this.element.append(row);
    }
  }

  /** Give an entry its name, by which it can be reached; dots have none. */
  #name(rect: SVGRectElement, name: string | null): void {
    set(rect, "role", name && "gridcell");
    set(rect, "aria-label", name);
    set(rect, "tabindex", name && (rect.getAttribute("tabindex") ?? "-1"));
    set(rect, "aria-describedby", name && "hint");
  }

  update(x: Value | undefined, what: string, nameOf: (entry: number) => string): boolean {
    set(this.element, "aria-label", this.plan.rows ? what : null);
    set(this.element, "visibility", x == null ? "hidden" : null);
    if (x == null) return true;
    const { rows, columns, cell } = this.plan;
    const shown = shownCells(x, columns || undefined);
    if (!rows || !shown) {
      const text = this.sign + show(x);
      this.#line.textContent = fitted(text, SIZES.number, max(cell, 88));
      return widthOf(text, SIZES.number) <= max(cell, 88) + 1;
    }
    this.#line.textContent = this.sign;
    const heat = heats(shown.sizes.flat());
    let fits = true;
    this.#cells.forEach(({ rect, text }, i) => {
      const [r, c] = [floor(i / columns), i % columns];
      const wanted = shown.texts[r]?.[c] ?? "";
      const size = shown.sizes[r]?.[c];
      text.textContent = wanted;
      fits &&= widthOf(wanted, SIZES.cell) <= cell - 10;
      set(rect, "fill-opacity", 0.05 + 0.3 * (size === undefined ? 0 : heat[r * shown.sizes[r]!.length + c]!));
      this.#name(rect, size === undefined ? null : `${nameOf(this.#cells[i]!.entry)}: ${wanted}`);
      rect.classList.toggle("lost", size !== undefined && !finite(size));
    });
    return fits;
  }

  cellsOf(entry: number): SVGElement[] {
    return this.#cells.filter((c) => c.entry === entry).map((c) => c.rect);
  }

  /** The entry under a point, for hovering. */
  entryOf(target: EventTarget | null): number | null {
    return this.#cells.find((c) => c.rect === target || c.text === target)?.entry ?? null;
  }
}
