// Quiz mode: the next contribution is asked, checked, and explained.

import type { Contribution, Numbers, Run, Step } from "./data";
import { isNumber } from "./data";
import { button, card, h, on, replace, set, titleOf } from "./dom";
import { factor, same, show } from "./format";
import { parse } from "./arithmetic";
import { flow, incoming, type Moment, type State } from "./timeline";
import { carried, nameOf } from "./words";

const TOLERANCE = 0.01;

export interface Question {
  run: Run;
  numbers: Numbers;
  state: State;
  next: Moment | undefined;
}

export class Quiz {
  readonly element = card("quiz");
  readonly #question = h("p", { id: "quiz-question" });
  readonly #field = h("input", {
    type: "text", inputmode: "decimal", autocomplete: "off", "aria-labelledby": "quiz-question",
    id: "quiz-answer",
  });
  readonly #reply = h("div.reply", { role: "status" });
  readonly #verdict = h("div.verdict", { role: "status" });
  readonly #score = h("p.remark");
  readonly #form = h("form.answer");
  readonly #go: HTMLButtonElement;
  #asked: { step: Step; c: Contribution; at: Question } | null = null;
  #tries = 0;
  #right = 0;
  #total = 0;

  constructor(
    private readonly onward: () => void,
    toSweep: () => void,
  ) {
    this.element.hidden = true;
    const reveal = button("Show the answer", () => this.#reveal(), { id: "quiz-reveal" });
    this.#go = button("Go to the first question", toSweep);
    this.#form.append(this.#field, h("button.main", { type: "submit" }, "Check"), reveal);
    on(this.#form, "submit", (event) => {
      event.preventDefault();
      this.#check();
    });
    this.element.append(titleOf("quiz", "Quiz"), this.#verdict, this.#question, this.#go,
      this.#form, this.#reply, this.#score);
  }

  get on(): boolean {
    return !this.element.hidden;
  }

  toggle(): void {
    this.element.hidden = this.on;
  }

  /** Whether stepping on has to wait for an answer. */
  get waiting(): boolean {
    return this.on && this.#asked !== null;
  }

  focus(): void {
    if (this.waiting) this.#field.focus({ preventScroll: true });
  }

  /** Ask for the next contribution, if the next moment is one that is a number. */
  ask(at: Question): void {
    this.#asked = null;
    this.#tries = 0;
    this.#field.value = "";
    replace(this.#reply);
    replace(this.#verdict);
    const { run, numbers, next } = at;
    const step = next?.kind === "flow" ? numbers.steps[next.step]! : null;
    const c = step && next?.kind === "flow" ? step.contributions[next.part]! : null;
    const askable = step && c && isNumber(c.amount) && isNumber(c.partial);
    this.#form.hidden = !askable;
    this.#go.hidden = next?.kind !== "forward" && next?.kind !== "seed";
    if (!step || !c || !askable) {
      this.#question.textContent = next === undefined
        ? "That was the last step."
        : next.kind === "flow"
          ? "The next contribution is an array; it is not asked. Step on."
          : this.#go.hidden
            ? "No contribution comes next. Step on."
            : "The questions begin with the sweep.";
      return;
    }
    this.#asked = { step, c, at };
    const [from, to] = flow(run, step, c);
    const v = run.vertices[step.vertex]!;
    const came = show(incoming(run, numbers, step, c));
    replace(this.#question,
      `${v.name} = `, h("code", v.expression),
      `, and the ${carried(run)} of ${nameOf(run, from)} is ${came}. How much does it add to ` +
      `${nameOf(run, to)}?`);
  }

  #check(): void {
    if (!this.#asked) return;
    const given = parse(this.#field.value);
    const { c } = this.#asked;
    if (given == null) {
      set(this.#field, "aria-invalid", "true");
      return replace(this.#reply, h("p", "Type a number, such as 0.5, -2, 1e-3 or 1/3."));
    }
    set(this.#field, "aria-invalid", null);
    this.#tries += 1;
    const amount = c.amount as number;
    if (same(given, amount, TOLERANCE)) {
      if (this.#tries === 1) this.#right += 1;
      this.#settle("Right.", "good");
    } else {
      replace(this.#reply, h("p.bad", "Not yet."), h("p", this.#hint(given)));
    }
  }

  #hint(given: number): string {
    const { c, step, at } = this.#asked!;
    if (same(given, -(c.amount as number), TOLERANCE)) return "Look at the sign.";
    if (same(given, c.partial as number, TOLERANCE)) {
      return `That is the local derivative. Multiply it by the ${carried(at.run)} that comes in.`;
    }
    const [, to] = flow(at.run, step, c);
    if (isNumber(c.total) && same(given, c.total, TOLERANCE)) {
      return `That would be the whole sum at ${nameOf(at.run, to)}. Asked is what is added now.`;
    }
    return `Multiply the ${carried(at.run)} by the local derivative, ${c.formula}.`;
  }

  #reveal(): void {
    if (this.#asked) this.#settle("The answer:", "plain");
  }

  #settle(word: string, kind: string): void {
    const { c, step, at } = this.#asked!;
    const { run, numbers } = at;
    const came = incoming(run, numbers, step, c);
    const [from, to] = flow(run, step, c);
    this.#total += 1;
    this.#asked = null;
    this.onward();
    replace(this.#verdict,
      h("p", h("strong", { class: kind }, word), " ",
        h("span.number", `${factor(came)} \u00d7 ${factor(c.partial)} = ` +
          show(c.amount))),
      h("p", `The local derivative is ${c.formula}, so ${nameOf(run, from)} adds ` +
        `${show(c.amount)}, and the sum at ${nameOf(run, to)} is now ${show(c.total)}.`));
    this.#score.textContent = `${this.#right} of ${this.#total} right at the first try.`;
    this.focus();
  }
}
