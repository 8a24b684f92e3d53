// The inputs with their gradients: to edit, to check, and to take apart into paths.

import { dataOf, sizeOf } from "./arrays";
import { isForward, isGrid, type Numbers, type Run, type Tick, type Value } from "./data";
import { button, card, h, on, replace, set, table, titleOf } from "./dom";
import { entries, factor, short, show, tuple } from "./format";
import { parse } from "./arithmetic";
import { grid, windowOf } from "./grids";
import { grouped, pathsTo, type Edge, type Path } from "./paths";
import type { State } from "./timeline";
import { carried, entryName, nameOf } from "./words";
import { abs, finite, floor, max, round } from "./maths";

const MOST_PATHS = 40;
/** What is said of numbers for which the program would take another branch. */
export const ELSEWHERE = "Here the program would take another branch: these numbers " +
  "belong to the one that was recorded. Run gd.explain at these inputs.";
/** How many pixels a number is dragged to change by its own size. */
const DRAG = 100;

interface Cells {
  gradient: HTMLElement;
  check: HTMLElement;
}

export class InputsPanel {
  readonly element = card("inputs");
  readonly #fields = new Map<number, (HTMLInputElement | null)[]>();
  readonly #cells = new Map<number, Cells>();
  readonly #remark = h("div.remarks", { role: "status" });
  readonly #paths = h("div.paths", { role: "region", "aria-live": "polite" });
  readonly #reset: HTMLButtonElement;
  readonly #swept: boolean;
  #chosen: number | null = null;

  constructor(
    private run: Run,
    private readonly live: boolean,
    whyNot: string,
    private readonly changed: (inputs: number[][] | null) => void,
    private readonly trace: (edges: Edge[] | null) => void,
    private readonly look: (place: { input: number; entry: number }) => void,
  ) {
    this.#reset = button("Back to the recorded inputs", () => this.#restore(), { hidden: true });
    const about = live
      ? "Change a value, or drag its name, and everything on this page is computed again."
      : `The inputs cannot be changed here. ${whyNot}`;
    const head = ["Input", "Value", isForward(run) ? "Tangent" : "Gradient"];
    this.#swept = !isForward(run) && run.steps.length > 0;
    if (this.#swept) head.push("Paths");
    this.element.append(
      titleOf("inputs", "Inputs"),
      h("p.remark", about),
      table("Table of inputs", head, h("tbody", ...run.inputs.flatMap((i) => this.#row(i)))),
      this.#remark, this.#reset, this.#paths,
    );
    set(this.#paths, "aria-label", "Sum over paths");
  }

  #row(vertex: number): HTMLElement[] {
    const name = nameOf(this.run, vertex);
    const { value, shape } = this.run.vertices[vertex]!;
    const cells = { gradient: h("span.bar"), check: h("span.check") };
    this.#cells.set(vertex, cells);
    const title = h("th", { scope: "row" }, name);
    if (this.live && !isGrid(value)) this.#makeDraggable(title, vertex);
    const editor = this.live ? this.#editor(vertex) : shown(value, "value");
    const paths = this.#swept
      ? h("td", button("Show", () => this.choose(vertex), {
          "aria-label": `Show the paths of ${name}`, "data-paths": name,
        }))
      : null;
    if (!shape.length) {
      return [h("tr", title, h("td", editor), h("td", cells.gradient, cells.check), paths)];
    }
    return [
      h("tr.array", title, h("td", tuple(shape)), h("td", cells.check), paths),
      h("tr.entries", h("td", { colspan: 4 }, editor, cells.gradient)),
    ];
  }

  /** The fields of an input: one for a number, a table of them for an array. */
  #editor(vertex: number): HTMLElement {
    const { value, shape } = this.run.vertices[vertex]!;
    const data = dataOf(value)!;
    const window = windowOf(value);
    const columns = window?.rows[0]?.length ?? 1;
    const across = shape.at(-1) ?? 1;
    const fields: (HTMLInputElement | null)[] = data.map((x, entry) => {
      const [r, c] = [floor(entry / across), entry % across];
      if (window && (r >= window.rows.length || c >= columns)) return null;
      return this.#field(vertex, entry, x);
    });
    this.#fields.set(vertex, fields);
    if (!shape.length) return fields[0]!;
    const more = window?.below || window?.beside
      ? h("span.remark", `The first entries of ${sizeOf(shape)}.`) : null;
    return h("div",
      h("div.fields", { style: `grid-template-columns: repeat(${columns}, auto)` },
        ...fields.filter((f) => f !== null)), more);
  }

  #field(vertex: number, entry: number, x: number): HTMLInputElement {
    const name = entryName(this.run, { vertex, entry });
    const field = h("input", {
      type: "text", inputmode: "text", autocomplete: "off", spellcheck: "false",
      "aria-label": `Value of ${name}`, "data-input": name,
    });
    this.#put(field, x);
    on(field, "input", () => this.#edited());
    on(field, "focus", () => this.look({ input: this.run.inputs.indexOf(vertex), entry }));
    on(field, "keydown", (event) => {
      const way = { ArrowUp: 1, ArrowDown: -1 }[event.key];
      const now = this.#take(field);
      if (!way || now === null || !finite(now)) return;
      event.preventDefault();
      field.value = neat(now + way * stepOf(now));
      this.#edited();
    });
    return field;
  }

  readonly #written = new WeakMap<HTMLInputElement, { text: string; value: number }>();

  /** Write a number into a field: short, though it is kept with all its digits. */
  #put(field: HTMLInputElement, value: number): void {
    const text = short(value, field.dataset["input"]?.endsWith("]") ? 4 : 7);
    this.#written.set(field, { text, value });
    field.value = text;
  }

  #take(field: HTMLInputElement): number | null {
    const written = this.#written.get(field);
    return written?.text === field.value ? written.value : parse(field.value);
  }

  #makeDraggable(title: HTMLElement, vertex: number): void {
    title.classList.add("drag");
    title.title = "Drag to the left or right to change the value";
    on(title, "pointerdown", (event) => {
      const field = this.#fields.get(vertex)?.[0];
      const start = field && this.#take(field);
      if (!field || start == null || !finite(start)) return;
      event.preventDefault();
      title.setPointerCapture(event.pointerId);
      const size = max(abs(start), 0.5) / DRAG;
      const moved = (now: PointerEvent): void => {
        field.value = neat(start + round(now.clientX - event.clientX) * size);
        this.#edited();
      };
      on(title, "pointermove", moved);
      on(title, "pointerup", () => title.removeEventListener("pointermove", moved), { once: true });
    });
  }

  /** What the fields hold; null while one of them is no number. */
  get values(): number[][] | null {
    const values = this.run.inputs.map((i) => {
      const recorded = dataOf(this.run.vertices[i]!.value) ?? [];
      return (this.#fields.get(i) ?? []).map((field, entry) => {
        const value = field ? this.#take(field) : recorded[entry]!;
        if (field) set(field, "aria-invalid", value == null ? "true" : null);
        return value;
      });
    });
    return values.flat().every((x) => x != null) ? (values as number[][]) : null;
  }

  /** Write numbers into the fields, as if they had been typed. */
  write(inputs: number[][]): void {
    this.run.inputs.forEach((i, n) => this.#fields.get(i)?.forEach((field, entry) => {
      if (field) this.#put(field, inputs[n]![entry]!);
    }));
    this.#edited();
  }

  #edited(): void {
    const { values } = this;
    if (!values) return;
    this.#reset.hidden = false;
    this.changed(values);
  }

  #restore(): void {
    for (const [vertex, fields] of this.#fields) {
      const data = dataOf(this.run.vertices[vertex]!.value)!;
      fields.forEach((field, entry) => {
        if (!field) return;
        this.#put(field, data[entry]!);
        set(field, "aria-invalid", null);
      });
    }
    this.#reset.hidden = true;
    this.changed(null);
    this.#fields.values().next().value?.[0]?.focus();
  }

  /** Show one input's derivative as a sum over paths, or hide it again. */
  choose(vertex: number | null): void {
    this.#chosen = this.#chosen === vertex ? null : vertex;
    this.#traced = null;
    if (this.#last) this.update(...this.#last);
    if (this.#chosen != null) this.#paths.scrollIntoView({ block: "nearest" });
  }

  #last: [Numbers, State, boolean] | null = null;

  /** Show another run of the same inputs: that of another branch. */
  adopt(run: Run): void {
    this.run = run;
    this.#traced = null;
  }

  update(numbers: Numbers, state: State, finished: boolean): void {
    this.#last = [numbers, state, finished];
    const ticks = new Map(numbers.ticks.map((t) => [t.vertex, t]));
    const strayed = numbers.branches.length > 0;
    for (const [vertex, { gradient, check }] of this.#cells) {
      const tick = ticks.get(vertex);
      const sum = state.sums.get(vertex)?.total;
      const value = finished && !isForward(this.run) ? tick?.gradient : sum;
      replace(gradient, value == null ? null : shown(value, "gradient"));
      gradient.classList.toggle("unfinished", (!finished || strayed) && value != null);
      const rounding = numbers.warnings.some((w) => w.kind === "rounding" && w.vertex === vertex);
      replace(check, ...(!finished || isForward(this.run) ? []
        : strayed ? ["of the recorded branch"] : [rounding ? "rounding of 0, " : null, ...checked(tick)]));
    }
    this.#showBranches(numbers);
    this.#showPaths(numbers, finished);
  }

  /** Says that these inputs take another branch than the recorded ones. */
  elsewhere = "";

  #showBranches(numbers: Numbers): void {
    const found = numbers.branches.length;
    replace(this.#remark,
      this.elsewhere && !found
        ? h("p.other-branch", `${this.elsewhere} This is the other branch.`) : null,
      found ? h("p.bad", `${numbers.branches.join(" ")} ${ELSEWHERE}`) : null,
      !found && numbers.ticks.some((t) => t.agrees === false)
        ? h("p.remark", "Differences come out differently where a function has a kink or a " +
            "jump, or where it loses digits.")
        : null,
      numbers.replayed && !found && !this.run.watched
        ? h("p.remark", "This is the recording of a node, replayed. If the " +
            "program branches on values, use gd.explain(f), which watches for it.")
        : null);
  }

  #showPaths(numbers: Numbers, finished: boolean): void {
    const vertex = this.#chosen;
    for (const key of this.element.querySelectorAll("[data-paths]")) {
      set(key, "aria-pressed",
        vertex != null && key.getAttribute("data-paths") === nameOf(this.run, vertex)
          ? "true" : "false");
    }
    if (vertex == null) {
      this.trace(null);
      return replace(this.#paths);
    }
    const run = this.run;
    const title = h("h3", `\u2202${nameOf(run, run.result)}/\u2202${nameOf(run, vertex)}` +
      " as a sum over paths");
    if (!finished) {
      this.trace(null);
      return replace(this.#paths, title, h("p",
        `Step to the end first: then every ${carried(run)} is known.`));
    }
    const { count, shown, edges } = pathsTo(run, numbers, vertex, MOST_PATHS);
    if (vertex !== this.#traced) this.trace(edges);
    this.#traced = vertex;
    const numeric = shown.every((p) => p.product != null);
    const total = numbers.totals.get(vertex);
    replace(this.#paths, title,
      count === 0 ? h("p", run.cut
        ? `The first ${run.cut.toLocaleString("en")} operations are left out of this page, and ` +
          "with them the paths from this input. Its gradient is that of the whole recording."
        : "No path leads from this input to the result.") : null,
      ...this.#listed(shown),
      count > shown.length
        ? h("p.remark", `${shown.length} of ${count > 1e6 ? "more than a million"
            : count} paths are shown. The sweep adds them up without walking each: that is ` +
            "what makes it fast.")
        : null,
      count && count === shown.length && numeric
        ? h("p.total", "Sum: ", h("span.number", show(total)))
        : null,
      count && !numeric
        ? h("p.remark", "The local derivatives here are arrays or linear maps, " +
            "so their products are not written out.")
        : null);
  }

  /** The paths; those of a loop in groups, with the sum of each. */
  #listed(shown: Path[]): HTMLElement[] {
    const groups = grouped(this.run, shown);
    if (groups.length === shown.length || shown.length < 4) {
      return [h("ol", ...shown.map((p) => this.#path(p)))];
    }
    return groups.map(({ key, paths, sum }) => h("details.group",
      h("summary", `${paths.length} \u00d7 ${key}`,
        sum === null ? null : h("span.number", ` = ${short(sum)}`)),
      h("ol", ...paths.map((p) => this.#path(p)))));
  }

  #traced: number | null = null;

  #path(path: Path): HTMLElement {
    const names = path.vertices.map((i) => nameOf(this.run, i)).join(" \u2192 ");
    const light = button(names, () => this.trace(path.edges), {
      class: "route", "aria-label": `Light the path ${names} in the graph`,
    });
    on(light, "pointerenter", () => this.trace(path.edges));
    const product = path.product == null
      ? null
      : h("span.number", `${path.factors.map((x) => factor(x)).join(" \u00d7 ")}` +
          (path.factors.length > 1 ? ` = ${short(path.product)}` : ""));
    return h("li", light, product);
  }
}

/** A value in a table: a number, or an array as a grid under its shape. */
function shown(value: Value | undefined, kind: string): HTMLElement {
  return grid(value, kind) ??
    h("span", { class: `number ${kind}`, title: entries(value) }, show(value));
}

function checked(tick: Tick | undefined): (HTMLElement | string)[] {
  if (tick?.agrees == null) return ["not checked"];
  const difference = tick.difference;
  const text = typeof difference === "number" ? `differences: ` : "differences agree";
  return [
    h("span", { class: tick.agrees ? "good" : "bad" },
      `${tick.agrees ? "\u2713" : "\u2717"} ${typeof difference === "number" || tick.agrees ? text : "differences differ"}`),
    typeof difference === "number" ? h("span.number", show(difference)) : "",
  ];
}

function stepOf(x: number): number {
  return x === 0 ? 0.01 : 10 ** (floor(Math.log10(abs(x))) - 1);
}

/** A number without the rounding of a drag. */
function neat(x: number): string {
  return String(Number(x.toPrecision(6)));
}
