// The inputs with their gradients: to edit, to check, and to take apart into paths.

import { dataOf, sizeOf } from "./arrays";
import type { Numbers, Run, Tick, Value } from "./data";
import { isGrid } from "./data";
import { button, h, replace, set } from "./dom";
import { entries, factor, short, show, tuple } from "./format";
import { parse } from "./formula";
import { grid, windowOf } from "./grids";
import { grouped, pathsTo, type Edge, type Path } from "./paths";
import type { State } from "./timeline";
import { carried, entryName, nameOf } from "./words";

const MOST_PATHS = 40;
/** How many pixels a number is dragged to change by its own size. */
const DRAG = 100;

interface Cells {
  gradient: HTMLElement;
  check: HTMLElement;
}

export class InputsPanel {
  readonly element = h("section", { class: "card inputs", "aria-labelledby": "inputs-title" });
  private readonly fields = new Map<number, (HTMLInputElement | null)[]>();
  private readonly cells = new Map<number, Cells>();
  private readonly remark = h("div", { class: "remarks", role: "status" });
  private readonly paths = h("div", { class: "paths", role: "region", "aria-live": "polite" });
  private readonly reset: HTMLButtonElement;
  private readonly swept: boolean;
  private chosen: number | null = null;

  constructor(
    private run: Run,
    private readonly live: boolean,
    whyNot: string,
    private readonly changed: (inputs: number[][] | null) => void,
    private readonly trace: (edges: Edge[] | null) => void,
    private readonly look: (place: { input: number; entry: number }) => void,
  ) {
    this.reset = button("Back to the recorded inputs", () => this.restore(), { hidden: true });
    const about = live
      ? "Change a value, or drag its name, and everything on this page is computed again."
      : `The inputs cannot be changed here. ${whyNot}`;
    const head = ["Input", "Value", run.mode === "forward" ? "Tangent" : "Gradient"];
    this.swept = run.mode === "reverse" && run.steps.length > 0;
    if (this.swept) head.push("Paths");
    this.element.append(
      h("h2", { id: "inputs-title" }, "Inputs"),
      h("p", { class: "remark" }, about),
      h("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Table of inputs" },
        h("table", {},
          h("thead", {}, h("tr", {}, ...head.map((t) => h("th", { scope: "col" }, t)))),
          h("tbody", {}, ...run.inputs.flatMap((i) => this.row(i))))),
      this.remark, this.reset, this.paths,
    );
    set(this.paths, "aria-label", "Sum over paths");
  }

  private row(vertex: number): HTMLElement[] {
    const name = nameOf(this.run, vertex);
    const { value, shape } = this.run.vertices[vertex]!;
    const cells = { gradient: h("span", { class: "bar" }), check: h("span", { class: "check" }) };
    this.cells.set(vertex, cells);
    const title = h("th", { scope: "row" }, name);
    if (this.live && !isGrid(value)) this.makeDraggable(title, vertex);
    const editor = this.live ? this.editor(vertex) : shown(value, "value");
    const paths = this.swept
      ? h("td", {}, button("Show", () => this.choose(vertex), {
          "aria-label": `Show the paths of ${name}`, "data-paths": name,
        }))
      : null;
    if (!shape.length) {
      return [h("tr", {}, title, h("td", {}, editor), h("td", {}, cells.gradient, cells.check), paths)];
    }
    return [
      h("tr", { class: "array" }, title, h("td", {}, tuple(shape)), h("td", {}, cells.check), paths),
      h("tr", { class: "entries" }, h("td", { colspan: 4 }, editor, cells.gradient)),
    ];
  }

  /** The fields of an input: one for a number, a table of them for an array. */
  private editor(vertex: number): HTMLElement {
    const { value, shape } = this.run.vertices[vertex]!;
    const data = dataOf(value)!;
    const window = windowOf(value);
    const columns = window?.rows[0]?.length ?? 1;
    const across = shape.at(-1) ?? 1;
    const fields: (HTMLInputElement | null)[] = data.map((x, entry) => {
      const [r, c] = [Math.floor(entry / across), entry % across];
      if (window && (r >= window.rows.length || c >= columns)) return null;
      return this.field(vertex, entry, x);
    });
    this.fields.set(vertex, fields);
    if (!shape.length) return fields[0]!;
    const more = window?.below || window?.beside
      ? h("span", { class: "remark" }, `The first entries of ${sizeOf(shape)}.`) : null;
    return h("div", {},
      h("div", { class: "fields", style: `grid-template-columns: repeat(${columns}, auto)` },
        ...fields.filter((f) => f !== null)), more);
  }

  private field(vertex: number, entry: number, x: number): HTMLInputElement {
    const name = entryName(this.run, { vertex, entry });
    const field = h("input", {
      type: "text", inputmode: "text", autocomplete: "off", spellcheck: "false",
      "aria-label": `Value of ${name}`, "data-input": name,
    });
    this.put(field, x);
    field.addEventListener("input", () => this.edited());
    field.addEventListener("focus", () => this.look({ input: this.run.inputs.indexOf(vertex), entry }));
    field.addEventListener("keydown", (event) => {
      const way = { ArrowUp: 1, ArrowDown: -1 }[event.key];
      const now = this.take(field);
      if (!way || now === null || !Number.isFinite(now)) return;
      event.preventDefault();
      field.value = neat(now + way * stepOf(now));
      this.edited();
    });
    return field;
  }

  private readonly written = new WeakMap<HTMLInputElement, { text: string; value: number }>();

  /** Write a number into a field: short, though it is kept with all its digits. */
  private put(field: HTMLInputElement, value: number): void {
    const text = short(value, field.dataset["input"]?.endsWith("]") ? 4 : 7);
    this.written.set(field, { text, value });
    field.value = text;
  }

  private take(field: HTMLInputElement): number | null {
    const written = this.written.get(field);
    return written?.text === field.value ? written.value : parse(field.value);
  }

  private makeDraggable(title: HTMLElement, vertex: number): void {
    title.classList.add("drag");
    title.title = "Drag to the left or right to change the value";
    title.addEventListener("pointerdown", (event) => {
      const field = this.fields.get(vertex)?.[0];
      const start = field && this.take(field);
      if (!field || start == null || !Number.isFinite(start)) return;
      event.preventDefault();
      title.setPointerCapture(event.pointerId);
      const size = Math.max(Math.abs(start), 0.5) / DRAG;
      const moved = (now: PointerEvent): void => {
        field.value = neat(start + Math.round(now.clientX - event.clientX) * size);
        this.edited();
      };
      title.addEventListener("pointermove", moved);
      title.addEventListener("pointerup", () => title.removeEventListener("pointermove", moved), { once: true });
    });
  }

  /** What the fields hold; null while one of them is no number. */
  get values(): number[][] | null {
    const values = this.run.inputs.map((i) => {
      const recorded = dataOf(this.run.vertices[i]!.value) ?? [];
      return (this.fields.get(i) ?? []).map((field, entry) => {
        const value = field ? this.take(field) : recorded[entry]!;
        if (field) set(field, "aria-invalid", value == null ? "true" : null);
        return value;
      });
    });
    return values.flat().every((x) => x != null) ? (values as number[][]) : null;
  }

  /** Write numbers into the fields, as if they had been typed. */
  write(inputs: number[][]): void {
    this.run.inputs.forEach((i, n) => this.fields.get(i)?.forEach((field, entry) => {
      if (field) this.put(field, inputs[n]![entry]!);
    }));
    this.edited();
  }

  private edited(): void {
    const { values } = this;
    if (!values) return;
    this.reset.hidden = false;
    this.changed(values);
  }

  private restore(): void {
    for (const [vertex, fields] of this.fields) {
      const data = dataOf(this.run.vertices[vertex]!.value)!;
      fields.forEach((field, entry) => {
        if (!field) return;
        this.put(field, data[entry]!);
        set(field, "aria-invalid", null);
      });
    }
    this.reset.hidden = true;
    this.changed(null);
    this.fields.values().next().value?.[0]?.focus();
  }

  /** Show one input's derivative as a sum over paths, or hide it again. */
  choose(vertex: number | null): void {
    this.chosen = this.chosen === vertex ? null : vertex;
    this.traced = null;
    if (this.last) this.update(...this.last);
    if (this.chosen != null) this.paths.scrollIntoView({ block: "nearest" });
  }

  private last: [Numbers, State, boolean] | null = null;

  /** Show another run of the same inputs: that of another branch. */
  adopt(run: Run): void {
    this.run = run;
    this.traced = null;
  }

  update(numbers: Numbers, state: State, finished: boolean): void {
    this.last = [numbers, state, finished];
    const ticks = new Map(numbers.ticks.map((t) => [t.vertex, t]));
    const strayed = numbers.branches.length > 0;
    for (const [vertex, { gradient, check }] of this.cells) {
      const tick = ticks.get(vertex);
      const sum = state.sums.get(vertex)?.total;
      const value = finished && this.run.mode === "reverse" ? tick?.gradient : sum;
      replace(gradient, value == null ? null : shown(value, "gradient"));
      gradient.classList.toggle("unfinished", (!finished || strayed) && value != null);
      const rounding = numbers.warnings.some((w) => w.kind === "rounding" && w.vertex === vertex);
      replace(check, ...(!finished || this.run.mode !== "reverse" ? []
        : strayed ? ["of the recorded branch"] : [rounding ? "rounding of 0, " : null, ...checked(tick)]));
    }
    this.showBranches(numbers);
    this.showPaths(numbers, finished);
  }

  /** Says that these inputs take another branch than the recorded ones. */
  elsewhere = "";

  private showBranches(numbers: Numbers): void {
    const found = numbers.branches.length;
    replace(this.remark,
      this.elsewhere && !found
        ? h("p", { class: "other-branch" }, `${this.elsewhere} This is the other branch.`) : null,
      ...numbers.branches.map((text) => h("p", { class: "bad" }, text)),
      found
        ? h("p", { class: "bad" }, "The program would take another branch here. These numbers " +
            "belong to the branch that was recorded: run gd.explain at these inputs.")
        : null,
      !found && numbers.ticks.some((t) => t.agrees === false)
        ? h("p", { class: "remark" }, "Differences come out differently where a function has a kink or a " +
            "jump, or where it loses digits.")
        : null,
      numbers.replayed && !found && !this.run.watched
        ? h("p", { class: "remark" }, "This is the recording of a node, replayed. If the " +
            "program branches on values, use gd.explain(f), which watches for it.")
        : null);
  }

  private showPaths(numbers: Numbers, finished: boolean): void {
    const vertex = this.chosen;
    for (const key of this.element.querySelectorAll("[data-paths]")) {
      set(key, "aria-pressed",
        vertex != null && key.getAttribute("data-paths") === nameOf(this.run, vertex)
          ? "true" : "false");
    }
    if (vertex == null) {
      this.trace(null);
      return replace(this.paths);
    }
    const run = this.run;
    const title = h("h3", {}, `\u2202${nameOf(run, run.result)}/\u2202${nameOf(run, vertex)}` +
      " as a sum over paths");
    if (!finished) {
      this.trace(null);
      return replace(this.paths, title, h("p", {},
        `Step to the end first: then every ${carried(run)} is known.`));
    }
    const { count, shown, edges } = pathsTo(run, numbers, vertex, MOST_PATHS);
    if (vertex !== this.traced) this.trace(edges);
    this.traced = vertex;
    const numeric = shown.every((p) => p.product != null);
    const total = numbers.totals.get(vertex);
    replace(this.paths, title,
      count === 0 ? h("p", {}, run.cut
        ? `The first ${run.cut.toLocaleString("en")} operations are left out of this page, and ` +
          "with them the paths from this input. Its gradient is that of the whole recording."
        : "No path leads from this input to the result.") : null,
      ...this.listed(shown),
      count > shown.length
        ? h("p", { class: "remark" }, `${shown.length} of ${count > 1e6 ? "more than a million"
            : count} paths are shown. The sweep adds them up without walking each: that is ` +
            "what makes it fast.")
        : null,
      count && count === shown.length && numeric
        ? h("p", { class: "total" }, "Sum: ", h("span", { class: "number" }, show(total)))
        : null,
      count && !numeric
        ? h("p", { class: "remark" }, "The local derivatives here are arrays or linear maps, " +
            "so their products are not written out.")
        : null);
  }

  /** The paths; those of a loop in groups, with the sum of each. */
  private listed(shown: Path[]): HTMLElement[] {
    const groups = grouped(this.run, shown);
    if (groups.length === shown.length || shown.length < 4) {
      return [h("ol", {}, ...shown.map((p) => this.path(p)))];
    }
    return groups.map(({ key, paths, sum }) => h("details", { class: "group" },
      h("summary", {}, `${paths.length} \u00d7 ${key}`,
        sum === null ? null : h("span", { class: "number" }, ` = ${short(sum)}`)),
      h("ol", {}, ...paths.map((p) => this.path(p)))));
  }

  private traced: number | null = null;

  private path(path: Path): HTMLElement {
    const names = path.vertices.map((i) => nameOf(this.run, i)).join(" \u2192 ");
    const light = button(names, () => this.trace(path.edges), {
      class: "route", "aria-label": `Light the path ${names} in the graph`,
    });
    light.addEventListener("pointerenter", () => this.trace(path.edges));
    const product = path.product == null
      ? null
      : h("span", { class: "number" }, `${path.factors.map((x) => factor(x)).join(" \u00d7 ")}` +
          (path.factors.length > 1 ? ` = ${short(path.product)}` : ""));
    return h("li", {}, light, product);
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
    typeof difference === "number" ? h("span", { class: "number" }, show(difference)) : "",
  ];
}

function stepOf(x: number): number {
  return x === 0 ? 0.01 : 10 ** (Math.floor(Math.log10(Math.abs(x))) - 1);
}

/** A number without the rounding of a drag. */
function neat(x: number): string {
  return String(Number(x.toPrecision(6)));
}
