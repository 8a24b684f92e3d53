// Forward against reverse: how many operations each takes, for n inputs and m outputs.

import { sizeOf } from "./arrays";
import { operandsOf, type Run } from "./data";
import { h, on, replace } from "./dom";
import { max, round } from "./maths";

/** Multiplications and additions of one sweep over a run: two per local derivative. */
function sweepOf(run: Run): number {
  return run.vertices.reduce((sum, v) => {
    if (v.unused) return sum;
    if (v.terms) return sum + 2 * v.terms.terms.reduce((n, p) => n + p.to.length * p.of.length, 0);
    return sum + 2 * sizeOf(v.shape) * operandsOf(v).length;
  }, 0);
}

export function costCard(run: Run): HTMLElement {
  const inputs = run.inputs.reduce((n, i) => n + sizeOf(run.vertices[i]!.shape), 0);
  const sweep = sweepOf(run);
  const number = (label: string, id: string, value: number): HTMLInputElement => h("input", {
    type: "number", min: 1, max: 1_000_000, id, value, "aria-label": label,
  });
  const n = number("Inputs", "cost-n", inputs);
  const m = number("Outputs", "cost-m", 1);
  const said = h("div.costs", { role: "status" });
  const count = (x: number): string => x.toLocaleString("en");
  const bar = (kind: string, sweeps: number, most: number, about: string): HTMLElement =>
    h("p", h("span", { class: `bar-of ${kind}`, style: `width: ${max(1, (100 * sweeps) / most)}%` }),
      h("span", `${kind}: ${count(sweeps)} ${sweeps === 1 ? "sweep" : "sweeps"}, ` +
        `${count(sweeps * sweep)} operations (${about})`));
  const update = (): void => {
    const [a, b] = [max(1, round(n.valueAsNumber) || 1), max(1, round(m.valueAsNumber) || 1)];
    const most = max(a, b);
    replace(said, bar("forward", a, most, "one sweep per input"), bar("reverse", b, most, "one per output"),
      h("p.remark", a > b
        ? `Reverse mode is ${count(round((10 * a) / b) / 10)} times cheaper here.`
        : a < b ? `Forward mode is ${count(round((10 * b) / a) / 10)} times cheaper here.`
          : "Both cost the same here."));
  };
  for (const field of [n, m]) on(field, "input", update);
  update();
  return h("details.card.cost", h("summary", "Forward or reverse?"),
    h("p.remark", `One sweep over this recording takes ${count(sweep)} multiplications and additions.`),
    h("p.choices", h("label", { for: "cost-n" }, "inputs"), n, h("label", { for: "cost-m" }, "outputs"), m),
    said);
}
