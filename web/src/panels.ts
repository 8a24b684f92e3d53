// The panel of the current moment: rule, local derivative, contribution, running sum.

import { isForward, isNumber, type Contribution, type Numbers, type Run, type Step, type Value } from "./data";
import { card, h, replace, titleOf } from "./dom";
import { isRounding } from "./born";
import { entries, factor, show } from "./format";
import { gloss } from "./gloss";
import { brief, grid } from "./grids";
import { flow, incoming, type Moment, type State } from "./timeline";
import { wordsOf } from "./arrays";
import { carried, heading, inNames, nameOf, phaseOf, whereOf } from "./words";

type Row = HTMLElement | null | false;

export class NowPanel {
  readonly element = card("now");
  readonly #phase = h("p.phase");
  readonly #title = titleOf("now");
  readonly #body = h("div.now-body");
  readonly #queue = h("div.queue");

  constructor(private run: Run) {
    this.element.append(this.#phase, this.#title, this.#body, this.#queue);
  }

  /** Show another run of the same inputs: that of another branch. */
  adopt(run: Run): void {
    this.run = run;
  }

  update(numbers: Numbers, state: State, moment: Moment): void {
    const phase = phaseOf(this.run, moment);
    this.element.dataset["phase"] = phase;
    this.#phase.textContent = phase === "tangents" ? "forward sweep of tangents" : `${phase} sweep`;
    this.#title.textContent = heading(this.run, numbers, moment);
    replace(this.#body, ...this.#rows(numbers, state, moment));
    this.#showQueue(state, moment);
  }

  #rows(numbers: Numbers, state: State, moment: Moment): Row[] {
    switch (moment.kind) {
      case "start": return this.#start(numbers);
      case "forward": return this.#computed(numbers, moment.vertex);
      case "seed": return [this.#seed()];
      case "flow": {
        const step = numbers.steps[moment.step]!;
        return this.#flow(numbers, state, step, step.contributions[moment.part]!);
      }
      case "quiet": return [h("p", this.#quiet())];
      case "end": return this.#end(numbers);
    }
  }

  #start(numbers: Numbers): Row[] {
    const run = this.run;
    const count = run.vertices.filter((v) => v.rule != null).length;
    const also = run.error ? "The function did not finish, so there is no sweep back."
      : run.result == null ? "The result is not computed from the inputs, so there is no sweep back."
        : "Step on to see each of them, and then the sweep that carries the derivative.";
    return [
      ...run.inputs.map((i) => row(nameOf(run, i), "=", numbers.values[i])),
      h("p", `The function runs ${count} ${count === 1 ? "operation" : "operations"} ` +
        `on them. ${also}`),
    ];
  }

  #computed(numbers: Numbers, vertex: number): Row[] {
    const run = this.run;
    const v = run.vertices[vertex]!;
    const operands = v.operands.map((x) =>
      "vertex" in x
        ? ([nameOf(run, x.vertex), numbers.values[x.vertex]] as const)
        : ([x.name || "constant", x.value] as const),
    );
    const rule = v.rule == null ? null : run.rules[v.rule];
    const about = wordsOf(run, vertex);
    return [
      row(v.name, "=", numbers.values[vertex], v.expression),
      ...operands.map(([name, value]) => row(name, "=", value, undefined, "minor")),
      note("Where", whereOf(run, vertex)),
      note("Operation", v.parameters ? `${v.operation} (${v.parameters})` : v.operation),
      about ? note("Shapes", about) : null,
      rule ? note("Rule", inNames(run, vertex, rule.formula), rule.name) : null,
      v.unused && run.result != null ? h("p.remark", "The result does not depend on this.") : null,
    ];
  }

  #seed(): HTMLElement {
    const run = this.run;
    if (isForward(run)) {
      return h("p", "The tangent of every input is 1: this sweep computes how fast the " +
        "result moves when all of them do.");
    }
    const name = nameOf(run, run.result);
    return h("p", `The derivative of ${name} in ${name} is 1. From here each vertex, ` +
      "newest first, hands its cotangent times its local derivatives to what it was " +
      "computed from.");
  }

  #quiet(): string {
    return "No cotangent reaches this vertex, or it passes none on: its share of the " +
      "derivative is zero by structure, as on a branch that was not taken.";
  }

  #flow(numbers: Numbers, state: State, step: Step, c: Contribution): Row[] {
    const run = this.run;
    const v = run.vertices[step.vertex]!;
    const name = nameOf(run, c.operand);
    const [from, to] = flow(run, step, c);
    const came = incoming(run, numbers, step, c);
    const partial = `\u2202${v.name}/\u2202${name}`;
    const numeric = isNumber(came) && isNumber(c.partial);
    return [
      row(`${carried(run)} of ${nameOf(run, from)}`, "=", came, undefined, "minor backward"),
      c.partial == null
        ? note("Passes on", c.formula || "what its rule says")
        : row(partial, "=", c.partial,
            this.#fits(numbers, step) && c.formula !== show(c.partial) ? c.formula : undefined),
      row("contribution", "=", c.amount,
        numeric ? `${factor(came)} \u00d7 ${factor(c.partial)}` : undefined, "amount"),
      c.reduction ? h("p.remark", `${name} was repeated to the shape of ` +
        `${v.name}, so what reaches its copies is ${c.reduction}.`) : null,
      this.#sum(state, to),
      note("Where", `${v.expression}, ${whereOf(run, step.vertex)}`),
      note("Rule", ruleName(run, step)),
    ];
  }

  /** A formula that was chosen by value may not fit the replayed numbers. */
  #fits(numbers: Numbers, step: Step): boolean {
    const choosing = ["where", "maximum", "minimum", "fmax", "fmin", "clip", "absolute"];
    return !numbers.replayed || !choosing.includes(this.run.vertices[step.vertex]!.operation);
  }

  /** The running sum, contribution by contribution. */
  #sum(state: State, vertex: number): HTMLElement {
    const run = this.run;
    const sum = state.sums.get(vertex)!;
    const last = sum.parts.length - 1;
    const shown = sum.parts.length > 6 ? sum.parts.slice(-6) : sum.parts;
    const parts = shown.map(({ from, amount }, i) =>
      h("li", { class: i === shown.length - 1 ? "new" : null },
        h("span.number",
          `${i || last > 5 ? "+ " : ""}${brief(amount, i || last > 5 ? factor(amount) : show(amount))}`),
        h("span.from", `from ${nameOf(run, from)}, ${whereOf(run, from)}`)));
    const skipped = sum.parts.length - shown.length;
    return h("div.sum",
      h("h3", `The sum at ${nameOf(run, vertex)} so far`),
      h("ul",
        skipped ? h("li.from", `${skipped} earlier contributions`) : null,
        ...parts),
      h("p.total", "= ", h("span.number", show(sum.total))),
      grid(sum.total, "gradient"),
      sum.parts.length > 1 && isRounding(sum.total, sum.parts.map((p) => p.amount))
        ? h("p.remark", "The parts cancel; what is left is rounding. Read it as 0.")
        : null);
  }

  #end(numbers: Numbers): Row[] {
    const run = this.run;
    const name = nameOf(run, run.result);
    if (isForward(run)) {
      const tick = numbers.ticks[0];
      return [
        row(`tangent of ${name}`, "=", numbers.totals.get(run.result!)),
        tick?.agrees == null ? null : h("p", { class: tick.agrees ? "good" : "bad" },
          `${tick.agrees ? "\u2713" : "\u2717"} finite differences: ${show(tick.difference)}`),
        h("p", "The result moves this fast when every input moves at speed 1."),
      ];
    }
    return [
      ...numbers.ticks.map((t) =>
        row(`\u2202${name}/\u2202${nameOf(run, t.vertex)}`, "=", t.gradient, undefined, "backward")),
      h("p", "Every contribution has arrived. Pick an input to see its derivative as a " +
        "sum over paths."),
    ];
  }

  #showQueue(state: State, moment: Moment): void {
    const sweeping = moment.kind === "flow" || moment.kind === "seed" || moment.kind === "quiet";
    if (isForward(this.run) || !sweeping) return replace(this.#queue);
    const chips = state.ready.map((i) => h("li", nameOf(this.run, i)));
    const more = state.waiting;
    replace(this.#queue,
      h("h3", gloss("ready queue", "Ready queue")),
      h("ul.chips", ...chips, more > 0 ? h("li", `and ${more} more`) : null,
        chips.length ? null : h("li.empty", "empty")),
      h("p.remark", "Vertices whose every contribution has arrived; the newest " +
        "goes first."));
  }
}

function ruleName(run: Run, step: Step): string {
  const rule = run.vertices[step.vertex]!.rule;
  return rule == null ? "" : (run.rules[rule]?.name ?? "");
}

/** "name = formula = value", with what is missing left out. */
function row(
  name: string, sign: string, value: Value | undefined, formula?: string, kind = "",
): HTMLElement {
  const text = brief(value, show(value));
  return h("p", { class: `row ${kind}` },
    h("span.term", name),
    formula ? h("span.sign", "=") : null,
    formula ? h("span.formula", formula) : null,
    text && sign ? h("span.sign", sign) : null,
    text ? h("span.number", { title: entries(value) }, text) : null,
    grid(value, /amount|backward/.test(kind) ? "gradient" : "value"));
}

function note(label: string, text: string, also = ""): HTMLElement {
  return h("p.note", h("span.label", label),
    h("span.text", text), also ? h("span.also", also) : null);
}
