// Along one input: f as a curve with its tangent, a slider, a nudge, steps downhill.

import { dataOf } from "./arrays";
import { isForward, isNumber, type Numbers, type Run } from "./data";
import { button, card, h, on, replace, s, set, titleOf } from "./dom";
import { short } from "./format";
import { parse } from "./arithmetic";
import type { Family } from "./replay";
import { fitted } from "./text";
import { entryName, nameOf } from "./words";
import { abs, ceil, finite, floor, max, min } from "./maths";

const WIDTH = 320;
const HEIGHT = 176;
const EDGE = 10;
const SAMPLES = 96;
const MOST_ENTRIES = 40;
const NUDGES = ["1", "0.1", "0.01", "0.001", "1e-6", "1e-9", "1e-13"];

interface Place {
  input: number;
  entry: number;
}

export class ExplorePanel {
  readonly element = card("explore");
  readonly #title = titleOf("explore");
  readonly #choice = h("select", { "aria-label": "Along which input" });
  readonly #slider = h("input", { type: "range", min: -1, max: 1, step: "any", id: "along" });
  readonly #plot = s("svg.plot", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img" });
  readonly #nudge = h("select", { "aria-label": "Nudge by h", id: "nudge" },
    ...NUDGES.map((x) => h("option", { value: x, selected: x === "0.1" }, `h = ${x}`)));
  readonly #difference = h("p.nudged");
  readonly #rate = h("input", { type: "text", id: "rate", "aria-label": "Rate of a step downhill" });
  readonly #walked = h("p.remark", { role: "status" });
  readonly #places: Place[];
  #place: Place;
  #numbers: Numbers | null = null;
  #inputs: number[][];
  #trail: { at: number[][]; value: number }[] = [];
  #curve = { key: "", points: [] as { x: number; y: number; strayed: boolean }[] };

  constructor(
    private run: Run,
    private readonly family: Family,
    private readonly write: (inputs: number[][]) => void,
  ) {
    this.#inputs = run.inputs.map((i) => dataOf(run.vertices[i]!.value)!);
    this.#places = this.#inputs
      .flatMap((data, input) => data.map((_, entry) => ({ input, entry })))
      .slice(0, MOST_ENTRIES);
    this.#place = this.#places[0] ?? { input: 0, entry: 0 };
    this.#choice.append(...this.#places.map((p, i) => h("option", { value: i }, this.#nameOf(p))));
    on(this.#choice, "change", () => this.look(this.#places[Number(this.#choice.value)]!));
    on(this.#slider, "input", () => this.#to(this.#slider.valueAsNumber));
    on(this.#nudge, "change", () => this.draw());
    this.#rate.value = "0.1";
    const downhill = button("Step downhill", () => this.#downhill(), { id: "downhill" });
    this.element.append(
      h("div.titled", this.#title, this.#places.length > 1 ? this.#choice : null),
      this.#plot, this.#slider, h("div.choices", this.#nudge, this.#difference),
      h("div.choices", downhill, h("label", { for: "rate" }, "rate"), this.#rate),
      h("p.remark", "Downhill: each input minus the rate times its gradient lowers the result."),
      this.#walked);
  }

  #nameOf({ input, entry }: Place): string {
    return entryName(this.run, { vertex: this.run.inputs[input]!, entry });
  }

  /** Look along another input. */
  look(place: Place): void {
    this.#place = place;
    this.#choice.value = String(this.#places.findIndex((p) =>
      p.input === place.input && p.entry === place.entry));
    this.draw();
  }

  #to(x: number): void {
    const moved = this.#inputs.map((data) => data.slice());
    moved[this.#place.input]![this.#place.entry] = Number(x.toPrecision(4));
    this.write(moved);
  }

  #at(x: number): number[][] {
    const moved = this.#inputs.slice();
    moved[this.#place.input] = moved[this.#place.input]!.with(this.#place.entry, x);
    return moved;
  }

  get #gradient(): number[][] | null {
    const ticks = this.#numbers?.ticks ?? [];
    if (isForward(this.run)) return null;
    return ticks.map((t) => dataOf(t.gradient) ?? []);
  }

  #downhill(): void {
    const rate = parse(this.#rate.value);
    set(this.#rate, "aria-invalid", rate === null ? "true" : null);
    const gradient = this.#gradient;
    if (rate === null || !gradient) return;
    const from = this.family.probe(this.#inputs).value;
    const before = this.#trail.at(-1);
    if (!before || before.at !== this.#inputs) this.#trail = [{ at: this.#inputs, value: from }];
    const moved = this.#inputs.map((data, i) => data.map((x, k) => x - rate * gradient[i]![k]!));
    this.#trail.push({ at: moved, value: this.family.probe(moved).value });
    this.#inputs = moved;
    this.write(moved);
    const to = this.#trail.at(-1)!.value;
    this.#walked.textContent = `${this.#trail.length - 1} ${this.#trail.length === 2 ? "step" : "steps"}: ` +
      `from ${short(this.#trail[0]!.value)} to ${short(to)}${to > from ? ". Uphill: the rate is too large here." : ""}`;
    this.draw();
  }

  /** Show another run of the same inputs: that of another branch. */
  adopt(run: Run): void {
    this.run = run;
  }

  update(numbers: Numbers): void {
    this.#numbers = numbers;
    const inputs = this.run.inputs.map((i) => dataOf(numbers.values[i])!);
    const same = inputs.every((data, i) => data.every((x, k) => Object.is(x, this.#inputs[i]![k])));
    if (!same) {
      this.#inputs = inputs;
      this.#trail = [];
      this.#walked.textContent = "";
    }
    this.draw();
  }

  /** The curve, kept while only the point on it moves. */
  #sampled(low: number, high: number): { x: number; y: number; strayed: boolean }[] {
    const others = this.#inputs.map((data, i) => data.filter((_, k) =>
      i !== this.#place.input || k !== this.#place.entry));
    const key = JSON.stringify([low, high, this.#place, others]);
    if (this.#curve.key !== key) {
      this.#curve = {
        key, points: Array.from({ length: SAMPLES + 1 }, (_, n) => {
          const x = low + ((high - low) * n) / SAMPLES;
          const { value, strayed } = this.family.probe(this.#at(x));
          return { x, y: value, strayed };
        }),
      };
    }
    return this.#curve.points;
  }

  #range(): [number, number] {
    const vertex = this.run.inputs[this.#place.input]!;
    const centre = dataOf(this.run.vertices[vertex]!.value)![this.#place.entry]!;
    const now = this.#inputs[this.#place.input]![this.#place.entry]!;
    const [middle = 0, ...others] = [centre, now].filter(finite);
    const wide = max(1, abs(middle), ...others.map((x) => 1.1 * abs(x - middle)));
    return [middle - wide, middle + wide];
  }

  draw(): void {
    const name = this.#nameOf(this.#place);
    const { run } = this;
    const numbers = this.#numbers;
    if (!numbers || run.result == null) return;
    const x = this.#inputs[this.#place.input]![this.#place.entry]!;
    const [low, high] = this.#range();
    const points = this.#sampled(low, high);
    const value = numbers.values[run.result];
    const y = isNumber(value) ? value : NaN;
    const heights = [...points.map((p) => p.y), y].filter(finite);
    const [bottom, top] = spread(heights);
    const px = (v: number): number => EDGE + ((v - low) / (high - low)) * (WIDTH - 2 * EDGE);
    const py = (v: number): number => HEIGHT - 34 - ((v - bottom) / (top - bottom)) * (HEIGHT - 58);
    const slope = this.#gradient?.[this.#place.input]?.[this.#place.entry] ?? NaN;
    const step = Number(this.#nudge.value);
    const other = this.family.probe(this.#at(x + step)).value;
    this.#title.textContent = `Along ${name}`;
    set(this.#slider, "min", low);
    set(this.#slider, "max", high);
    this.#slider.value = String(x);
    set(this.#slider, "aria-label", `Value of ${name}`);
    set(this.#slider, "aria-valuetext", short(x));
    set(this.#plot, "aria-label", `${nameOf(run, run.result)} along ${name}, from ${short(low)} to ` +
      `${short(high)}; at ${short(x)} it is ${short(y)} and its slope ${short(slope)}`);
    const line = (from: number, to: number, kind: string, tilt: number): SVGElement | null =>
      finite(tilt + x + y)
        ? s("line", {
            class: kind, x1: px(from), y1: py(y + tilt * (from - x)), x2: px(to), y2: py(y + tilt * (to - x)),
          })
        : null;
    const secant = (other - y) / step;
    const trail = this.#trail.map(({ at, value: v }): [number, number] =>
      [px(at[this.#place.input]![this.#place.entry]!), py(v)]);
    replace(this.#plot,
      s("defs", s("clipPath", { id: "inside" }, s("rect", {
        x: EDGE, y: 12, width: WIDTH - 2 * EDGE, height: HEIGHT - 36,
      }))),
      s("rect.ground", { x: EDGE, y: 12, width: WIDTH - 2 * EDGE, height: HEIGHT - 36 }),
      s("g", { "clip-path": "url(#inside)" },
        s("path.curve", { d: traced(points.map((p) => (p.strayed ? null : [px(p.x), py(p.y)]))) }),
        s("path.curve.strayed", { d: traced(points.map((p) => (p.strayed ? [px(p.x), py(p.y)] : null))) }),
        line(low, high, "tangent", slope),
        abs(step) >= 0.01 ? line(x, x + step, "secant", secant) : null,
        s("path.trail", { d: traced(trail) }),
        ...trail.filter((at) => at.every(finite)).map(([cx, cy]) => s("circle.trail", { r: 3.5, cx, cy })),
        finite(x + y) ? s("circle.point", { r: 5.5, cx: px(x), cy: py(y) }) : null),
      s("text", { x: EDGE, y: HEIGHT - 6 }, short(low, 3)),
      s("text", { x: WIDTH / 2, y: HEIGHT - 6, "text-anchor": "middle" }, fitted(name, 14, 130)),
      s("text", { x: WIDTH - EDGE, y: HEIGHT - 6, "text-anchor": "end" }, short(high, 3)));
    replace(this.#difference,
      h("span", "finite difference "), h("span.number", short(secant)),
      h("span", ", derivative "), h("span.number", short(slope)));
  }
}

function spread(values: number[]): [number, number] {
  if (!values.length) return [0, 1];
  const sorted = values.slice().sort((a, b) => a - b);
  const [low, high] = [sorted[floor(0.02 * sorted.length)]!, sorted[ceil(0.98 * sorted.length) - 1]!];
  const room = (high - low || abs(high) || 1) * 0.1;
  return [low - room, high + room];
}

/** A line through points, broken where there is none. */
function traced(points: ([number, number] | null)[]): string {
  let pen = "M";
  return points.map((point) => {
    if (!point || !point.every(finite)) {
      pen = "M";
      return "";
    }
    const text = `${pen}${point[0].toFixed(1)},${max(-999, min(999, point[1])).toFixed(1)}`;
    pen = "L";
    return text;
  }).join("");
}
