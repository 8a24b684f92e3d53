// Where a nan, an infinity or a zero was born, and what to do; and what went wrong.

import type { Numbers, Run, Warning } from "./data";
import { button, card, h, on, replace, table, titleOf } from "./dom";
import { ELSEWHERE } from "./inputs";
import { whereOf } from "./words";

const FIRST = 3;
const MOST = 24;

export class RemarksPanel {
  readonly element = card("warnings");

  /** Says at the top of the page that there are remarks, and leads to them. */
  readonly badge = button("", () => {
    this.element.scrollIntoView({ block: "center" });
    this.element.querySelector("button")?.focus({ preventScroll: true });
  }, { class: "badge", hidden: true });

  constructor(
    private run: Run,
    private readonly visit: (warning: Warning) => void,
  ) {}

  /** Show another run of the same inputs: that of another branch. */
  adopt(run: Run): void {
    this.run = run;
  }

  update(numbers: Numbers): void {
    const { run } = this;
    const strayed = numbers.branches.length > 0;
    const warnings = strayed ? [] : numbers.warnings;
    const serious = warnings.filter((w) => w.kind === "nan" || w.kind === "inf");
    const zeros = warnings.filter((w) => !serious.includes(w));
    const shown = [...serious, ...zeros].slice(0, MOST);
    const more = warnings.length - shown.length;
    const later = shown.slice(FIRST);
    const quiet = !run.error && !run.cut && !shown.length && !run.notes.length;
    this.element.hidden = quiet && !strayed;
    const grave = run.error ? "It did not finish" : strayed ? "Another branch"
      : serious.length ? `${serious[0]!.kind}: where it goes wrong` : "";
    this.badge.textContent = grave || "Worth knowing";
    this.badge.hidden = this.element.hidden;
    this.badge.classList.toggle("grave", grave !== "");
    this.element.classList.toggle("serious", Boolean(run.error) || strayed || serious.length > 0);
    replace(this.element,
      titleOf("warnings", run.error
        ? "The function did not finish"
        : strayed ? "Another branch"
          : serious.length ? "Where it goes wrong" : "Worth knowing"),
      ...numbers.branches.map((text) => h("p.bad", text)),
      strayed ? h("p", ELSEWHERE) : null,
      run.error ? h("p.bad", run.error) : null,
      run.error ? h("p", "Below is the part that ran.") : null,
      run.cut
        ? h("p", `The recording is long: its first ${run.cut.toLocaleString("en")} ` +
            "operations are left out of this page. The gradients are those of all of it; paths " +
            "from the inputs are not to be seen here. print(gd.explain(f)(...)) folds them.")
        : null,
      ...run.notes.map((text) => h("p", text)),
      shown.length ? h("ul", ...shown.slice(0, FIRST).map((w) => this.#line(w))) : null,
      later.length
        ? h("details", h("summary", `${later.length + more} more`),
            h("ul", ...later.map((w) => this.#line(w))),
            more > 0 ? h("p", `And ${more} that are not listed.`) : null)
        : null);
  }

  #line(warning: Warning): HTMLElement {
    const name = this.run.vertices[warning.vertex]!.name;
    return h("li",
      h("span", h("strong", { class: /nan|inf/.test(warning.kind) ? "bad" : null }, `${warning.kind} `), warning.message),
      h("span.from", ` (${whereOf(this.run, warning.vertex)}) `),
      button("Show", () => this.visit(warning), { "aria-label": `Show where ${name} is` }));
  }
}

const MOST_ROWS = 400;

/** Every vertex in a table: the graph for those who cannot see it. */
export class TablePanel {
  readonly element = h("details.card.table");
  readonly #body = h("tbody");

  constructor(private run: Run) {
    const head = ["Name", "Expression", "Where", "Computed from", "Value", "Derivative"];
    this.element.append(
      h("summary", "All values in a table"),
      table("Table of values", head, this.#body),
    );
    on(this.element, "toggle", () => this.#fill());
  }

  #fill: () => void = () => undefined;

  /** Show another run of the same inputs: that of another branch. */
  adopt(run: Run): void {
    this.run = run;
  }

  update(known: Set<number>, values: string[], sums: Map<number, string>): void {
    this.#fill = () => {
      if (!this.element.open) return;
      const rows = this.run.vertices.slice(0, MOST_ROWS).map((v, i) =>
        h("tr",
          h("th", { scope: "row" }, v.name),
          h("td", h("code", v.rule == null ? "" : v.expression)),
          h("td", v.rule == null ? "input" : whereOf(this.run, i)),
          h("td", v.operands.map((x) =>
            "vertex" in x ? this.run.vertices[x.vertex]!.name : x.name || "constant").join(", ")),
          h("td.number", known.has(i) ? (values[i] ?? "") : ""),
          h("td.number", sums.get(i) ?? "")));
      const more = this.run.vertices.length - rows.length;
      replace(this.#body, ...rows,
        more > 0 ? h("tr", h("td", { colspan: 6 }, `and ${more} more`)) : null);
    };
    this.#fill();
  }
}
