// The inputs with their gradients: to edit, to check, and to take apart into paths.

import type { Numbers, Run } from "./data";
import { isNumber } from "./data";
import { button, h, replace, set } from "./dom";
import { entries, factor, parse, short, show } from "./format";
import { pathsTo, type Path } from "./paths";
import type { State } from "./timeline";
import { carried, nameOf } from "./words";

const MOST_PATHS = 40;

export class InputsPanel {
  readonly element = h("section", { class: "card inputs", "aria-labelledby": "inputs-title" });
  private readonly fields = new Map<number, HTMLInputElement>();
  private readonly cells = new Map<number, Record<"gradient" | "check", HTMLElement>>();
  private readonly remark = h("div", { class: "remarks", role: "status" });
  private readonly paths = h("div", { class: "paths", role: "region", "aria-live": "polite" });
  private readonly reset: HTMLButtonElement;
  private readonly swept: boolean;
  private chosen: number | null = null;

  constructor(
    private readonly run: Run,
    private readonly live: boolean,
    whyNot: string,
    private readonly changed: (inputs: number[] | null) => void,
  ) {
    this.reset = button("Back to the recorded inputs", () => this.restore(), { hidden: true });
    const about = live
      ? "Change a value, and everything on this page is computed again."
      : `The inputs cannot be changed here. ${whyNot}`;
    const head = ["Input", "Value", run.mode === "forward" ? "Tangent" : "Gradient"];
    this.swept = run.mode === "reverse" && run.steps.length > 0;
    if (this.swept) head.push("Paths");
    this.element.append(
      h("h2", { id: "inputs-title" }, "Inputs"),
      h("p", { class: "remark" }, about),
      this.remark,
      h("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Table of inputs" },
        h("table", {},
          h("thead", {}, h("tr", {}, ...head.map((t) => h("th", { scope: "col" }, t)))),
          h("tbody", {}, ...run.inputs.map((i) => this.row(i))))),
      this.reset, this.paths,
    );
    set(this.paths, "aria-label", "Sum over paths");
  }

  private row(vertex: number): HTMLElement {
    const name = nameOf(this.run, vertex);
    const value = this.run.vertices[vertex]!.value;
    const cells = {
      gradient: h("span", { class: "number gradient" }), check: h("span", { class: "check" }),
    };
    this.cells.set(vertex, cells);
    let shown: HTMLElement = h("span", { class: "number", title: entries(value) }, show(value));
    if (this.live) {
      const field = h("input", {
        type: "text", inputmode: "decimal", autocomplete: "off", spellcheck: "false",
        "aria-label": `Value of ${name}`, "data-input": name,
      });
      field.value = isNumber(value) ? exact(value) : "";
      field.addEventListener("input", () => this.edited());
      this.fields.set(vertex, field);
      shown = field;
    }
    const row = h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, shown),
      h("td", {}, cells.gradient, cells.check));
    if (this.swept) {
      row.append(h("td", {},
        button("Show", () => this.choose(vertex), {
          "aria-label": `Show the paths of ${name}`, "data-paths": name,
        })));
    }
    return row;
  }

  private edited(): void {
    const values = this.run.inputs.map((i) => {
      const field = this.fields.get(i)!;
      const value = parse(field.value);
      set(field, "aria-invalid", value == null ? "true" : null);
      return value;
    });
    if (values.every((x): x is number => x != null)) {
      this.reset.hidden = false;
      this.changed(values);
    }
  }

  private restore(): void {
    for (const [vertex, field] of this.fields) {
      field.value = exact(this.run.vertices[vertex]!.value as number);
      set(field, "aria-invalid", null);
    }
    this.reset.hidden = true;
    this.changed(null);
    this.fields.values().next().value?.focus();
  }

  /** Show one input's derivative as a sum over paths, or hide it again. */
  choose(vertex: number | null): void {
    this.chosen = this.chosen === vertex ? null : vertex;
    if (this.last) this.update(...this.last);
    if (this.chosen != null) this.paths.scrollIntoView({ block: "nearest" });
  }

  private last: [Numbers, State, boolean] | null = null;

  update(numbers: Numbers, state: State, finished: boolean): void {
    this.last = [numbers, state, finished];
    const ticks = new Map(numbers.ticks.map((t) => [t.vertex, t]));
    for (const [vertex, { gradient, check }] of this.cells) {
      const tick = ticks.get(vertex);
      const sum = state.sums.get(vertex)?.total;
      const value = finished && this.run.mode === "reverse" ? tick?.gradient : sum;
      gradient.textContent = show(value);
      gradient.title = entries(value);
      gradient.classList.toggle("unfinished", !finished && value != null);
      replace(check, ...(finished && tick?.agrees != null
        ? [
            h("span", { class: tick.agrees ? "good" : "bad" },
              tick.agrees ? "\u2713 differences: " : "\u2717 differences: "),
            h("span", { class: "number" }, show(tick.difference)),
          ]
        : [finished && this.run.mode === "reverse" ? "not checked" : ""]));
    }
    this.showBranches(numbers);
    this.showPaths(numbers, finished);
  }

  private showBranches(numbers: Numbers): void {
    const found = numbers.branches.length;
    replace(this.remark,
      found
        ? h("p", { class: "bad" }, "The program would take another branch here. These numbers " +
            "belong to the branch that was recorded.")
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
    if (vertex == null) return replace(this.paths);
    const run = this.run;
    const title = h("h3", {}, `\u2202${nameOf(run, run.result)}/\u2202${nameOf(run, vertex)}` +
      " as a sum over paths");
    if (!finished) {
      return replace(this.paths, title, h("p", {},
        `Step to the end first: then every ${carried(run)} is known.`));
    }
    const { count, shown } = pathsTo(run, numbers, vertex, MOST_PATHS);
    const numeric = shown.every((p) => p.product != null);
    const total = numbers.totals.get(vertex);
    replace(this.paths, title,
      count === 0 ? h("p", {}, "No path leads from this input to the result.") : null,
      h("ol", {}, ...shown.map((p) => this.path(p))),
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

  private path(path: Path): HTMLElement {
    const names = path.vertices.map((i) => nameOf(this.run, i)).join(" \u2192 ");
    const product = path.product == null
      ? null
      : h("span", { class: "number" }, `${path.factors.map((x) => factor(x)).join(" \u00d7 ")}` +
          (path.factors.length > 1 ? ` = ${short(path.product)}` : ""));
    return h("li", {}, h("span", { class: "route" }, names), product);
  }
}

/** A number with all its digits, as a field holds it. */
function exact(x: number): string {
  return Number.isFinite(x) ? String(x) : short(x);
}
