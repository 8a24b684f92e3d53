// The card where a function is typed: its text, presets, and what is wrong with it.

import { Builder, type Built, type Held, type Known } from "./build";
import type { Script } from "./data";
import type { Replay } from "./replay";
import { h, on, replace, set } from "./dom";
import { sizeOf } from "./arrays";
import { bare } from "./arithmetic";
import { FormulaError } from "./formula";
import type { KnownArray } from "./typed";

export interface WorkshopData {
  functions: Known[];
  arrays: KnownArray[];
  presets: [name: string, formula: string, inputs: Record<string, number>][];
  formula: string;
  inputs: Record<string, number>;
}

const PAUSE = 250;

export class Workshop {
  readonly element = h("section.card.workshop", { "aria-labelledby": "workshop-title" });
  readonly #field = h("textarea", {
    id: "formula", rows: 3, spellcheck: "false", autocapitalize: "off", autocomplete: "off",
    "aria-labelledby": "workshop-title", "aria-describedby": "formula-help formula-error",
  });
  readonly #error = h("p.bad", { role: "alert", id: "formula-error" });
  readonly #presets: HTMLSelectElement;
  #values: Record<string, Held> = bare({});
  #typed = new Map<string, string>();
  #timer = 0;

  constructor(
    private readonly data: WorkshopData,
    private readonly scripts: Script[],
    private readonly replay: typeof Replay,
    private readonly built: (made: Built) => void,
  ) {
    this.#hold(data.inputs);
    this.#presets = h("select", { "aria-label": "Examples", id: "presets" },
      h("option", { value: "" }, "Examples"),
      ...data.presets.map(([name], i) => h("option", { value: i }, name)));
    on(this.#presets, "change", () => {
      const chosen = this.data.presets[Number(this.#presets.value)];
      if (this.#presets.value === "" || !chosen) return;
      this.write(chosen[1], chosen[2]);
    });
    on(this.#field, "input", () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.make(), PAUSE);
    });
    this.#field.value = data.formula;
    const names = [...new Set([...data.functions, ...data.arrays].map((f) => f.name)), "prod", "std", "trace", "var"].filter((name) => !/_|^add$|^subtract$|^multiply$|^divide$|^getitem$/.test(name));
    this.element.append(
      h("div.titled", h("h2", { id: "workshop-title" }, "Type your function"), this.#presets),
      this.#field, this.#error,
      h("p.remark", { id: "formula-help" }, "In NumPy's spelling, with or without np. Names " +
        "become inputs; a line such as x = 3 or x = [1, 2] says what one is, h = tanh(w*x) names a value, and " +
        "the last line is the result."),
      h("details.remark", h("summary", "Functions that it knows"), h("p", names.sort().join(", "))));
  }

  get formula(): string {
    return this.#field.value;
  }

  /** Show a formula with values for its inputs. */
  write(formula: string, inputs: Record<string, number>): void {
    this.#field.value = formula;
    this.#hold(inputs);
    this.make();
  }

  #hold(inputs: Record<string, number>): void {
    const held = Object.entries(inputs).map(([name, x]) => [name, { typed: "", data: [x] }]);
    this.#values = bare({ ...this.#values, ...Object.fromEntries(held) as Record<string, Held> });
  }

  /** Keep what inputs were changed to, for when the formula changes. */
  keep(name: string, data: number[]): void {
    this.#values[name] = { typed: this.#typed.get(name) ?? "", data };
  }

  /** Read the formula and hand on what it became; say what is wrong with it otherwise. */
  make(): void {
    this.#field.rows = Math.min(8, Math.max(2, this.#field.value.split("\n").length));
    try {
      const builder = new Builder(this.data.functions, this.data.arrays, this.scripts, this.replay);
      const made = builder.build(this.#field.value, this.#values);
      this.#typed = builder.typed;
      const shape = made.run.vertices[made.run.result ?? -1]?.shape ?? [];
      if (shape.length) {
        throw new FormulaError(`The result is an array of ${sizeOf(shape)} entries: make a number of it, such as sum(...).`, 0);
      }
      if (made.run.vertices[made.run.result ?? -1]?.rule === null) {
        throw new FormulaError("The result is an input itself: compute something of it, such as x**2.", 0);
      }
      if (made.run.result == null || !made.run.steps.length) {
        throw new FormulaError("The result is not computed from any input: use a name, such as x.", 0);
      }
      set(this.#field, "aria-invalid", null);
      replace(this.#error);
      this.built(made);
    } catch (error) {
      if (!(error instanceof FormulaError)) throw error;
      set(this.#field, "aria-invalid", "true");
      replace(this.#error, error.message);
    }
  }
}
