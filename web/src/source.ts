// The program with its current line lit, and the gradient as NumPy code.

import type { Place, Run } from "./data";
import { button, card, h, replace, titleOf } from "./dom";
import type { Moment } from "./timeline";
import { finite, max, min } from "./maths";

export class SourcePanel {
  readonly element = card("source");
  readonly #lines = new Map<string, { row: HTMLElement; code: HTMLElement; text: string }>();
  readonly #frame = h("div.code.scroll", {
    tabindex: 0, role: "group", "aria-label": "Source of the function",
  });
  #lit: { row: HTMLElement; code: HTMLElement; text: string }[] = [];

  constructor(private readonly run: Run) {
    this.element.append(titleOf("source", "Source"));
    run.files.forEach((file, number) => {
      if (run.files.length > 1) this.#frame.append(h("p.file", file.name));
      const indent = min(
        ...file.lines.filter(([, t]) => t.trim()).map(([, t]) => t.length - t.trimStart().length),
      );
      for (const [line, text] of file.lines) {
        const code = h("span.text", text.slice(indent) || " ");
        const row = h("div.line",
          h("span.gutter", { "aria-hidden": "true" }, String(line)), code);
        this.#lines.set(`${number}:${line}`, { row, code, text });
        this.#frame.append(row);
      }
      this.#indents.push(finite(indent) ? indent : 0);
    });
    this.element.append(run.files.some((f) => f.lines.length)
      ? this.#frame
      : h("p.remark", "There are no source lines: this recording was not made by " +
          "gd.explain(f), or its source is not in a file."));
  }

  readonly #indents: number[] = [];

  update(vertex: number | null): void {
    for (const { row, code, text } of this.#lit) {
      row.classList.remove("lit");
      row.removeAttribute("aria-current");
      code.textContent = text || " ";
    }
    this.#lit = [];
    const number = vertex == null ? null : this.run.vertices[vertex]!.place;
    const place = number == null ? undefined : this.run.places[number];
    if (!place) return;
    for (let line = place.line; line <= place.endLine; line += 1) this.#light(place, line);
    const first = this.#lit[0]?.row;
    if (first) keepVisible(this.#frame, first);
  }

  #light(place: Place, line: number): void {
    const entry = this.#lines.get(`${place.file}:${line}`);
    if (!entry) return;
    const indent = this.#indents[place.file] ?? 0;
    const text = entry.text.slice(indent);
    const start = line === place.line ? max(0, place.start - indent) : 0;
    const end = line === place.endLine ? place.end - indent : text.length;
    entry.row.classList.add("lit");
    entry.row.setAttribute("aria-current", "true");
    replace(entry.code, text.slice(0, start) || null,
      h("mark", text.slice(start, end)), text.slice(end) || null);
    this.#lit.push({ ...entry, text });
  }
}

function keepVisible(frame: HTMLElement, row: HTMLElement): void {
  const [top, bottom] = [row.offsetTop - 30, row.offsetTop + row.offsetHeight + 30];
  if (top < frame.scrollTop) frame.scrollTop = top;
  else if (bottom > frame.scrollTop + frame.clientHeight) {
    frame.scrollTop = bottom - frame.clientHeight;
  }
}

/** Python in colours: words, numbers, texts and remarks. */
function coloured(line: string): (HTMLElement | string)[] {
  const token = /(#.*$)|("""[^]*?"""|'[^']*'|"[^"]*")|\b(def|return|import|as|with|for|in|if|else)\b|(?<![\w.])(\d[\d.]*(?:e[+-]?\d+)?)/g;
  const kinds = ["comment", "string", "keyword", "literal"];
  const parts: (HTMLElement | string)[] = [];
  let from = 0;
  for (const found of line.matchAll(token)) {
    parts.push(line.slice(from, found.index));
    const kind = kinds[found.slice(1).findIndex((x) => x !== undefined)]!;
    parts.push(h("span", { class: kind }, found[0]));
    from = found.index + found[0].length;
  }
  return [...parts, line.slice(from) || " "];
}

/** Which lines of the code belong to each vertex, and to each contribution. */
function linesOf(run: Run, code: string[]): { forward: Map<number, number>; backward: number[] } {
  const [start, turn] = ["# forward", "# backward"].map((mark) => code.findIndex((line) => line.trim() === mark));
  const assigns = (from: number, to: number): number[] => code.flatMap((line, i) =>
    i > from && i < to && /^\s+\w+ \+?= /.test(line) && !/np\.asarray\(\w+\)\[\(\)\]|^\s+\w+_on = /.test(line) ? [i] : []);
  const made = assigns(start!, turn!);
  const vertices = run.vertices.flatMap((v, i) => (v.unused || run.inputs.includes(i) ? [] : [i]));
  const swept = assigns(turn!, code.length).slice(1);
  const flows = run.steps.reduce((n, step) => n + step.contributions.length, 0);
  return {
    forward: new Map(made.length === vertices.length ? vertices.map((v, i) => [v, made[i]!]) : []),
    backward: swept.length === flows ? swept : [],
  };
}

/** The gradient as NumPy code, with the line of the moment lit. */
export class CodePanel {
  readonly element = card("numpy");
  readonly #rows: HTMLElement[] = [];
  readonly #frame = h("pre.scroll", {
    tabindex: 0, role: "group", "aria-label": "NumPy code",
  });
  readonly #places: ReturnType<typeof linesOf> = { forward: new Map(), backward: [] };

  constructor(private readonly run: Run, cell: () => string | null) {
    const title = titleOf("numpy", "The derivative as NumPy code");
    const whole = copyButton("Copy as notebook cell", cell, "copy-cell");
    if (run.code == null) {
      this.element.append(h("div.titled", title, whole), h("p.remark", run.noCode));
      return;
    }
    const text = run.code.trimEnd();
    const lines = text.split("\n");
    this.#places = linesOf(run, lines);
    this.#rows = lines.map((line) => h("span.code-line", ...coloured(line), "\n"));
    this.#frame.append(h("code", ...this.#rows));
    this.element.append(
      h("div.titled", title, h("div.tools", copyButton("Copy", () => `${text}\n`, "copy"), whole)),
      this.#frame);
  }

  update(moment: Moment): void {
    for (const row of this.#rows) row.classList.remove("lit");
    const at = this.#lineOf(moment);
    const row = at === null ? undefined : this.#rows[at];
    if (!row) return;
    row.classList.add("lit");
    keepVisible(this.#frame, row);
  }

  #lineOf(moment: Moment): number | null {
    if (moment.kind === "forward") return this.#places.forward.get(moment.vertex) ?? null;
    if (moment.kind !== "flow") return null;
    const before = this.run.steps.slice(0, moment.step).reduce((n, step) => n + step.contributions.length, 0);
    return this.#places.backward[before + moment.part] ?? null;
  }
}

function copyButton(label: string, text: () => string | null, id: string): HTMLButtonElement {
  const key = button(label, () => {
    const said = (word: string): void => {
      key.textContent = word;
      setTimeout(() => (key.textContent = label), 1500);
    };
    const copied = text();
    if (copied === null) return said("Not for this function");
    key.dataset["copied"] = copied;
    if (!navigator.clipboard) return said("No clipboard here");
    navigator.clipboard.writeText(copied).then(() => said("Copied"), () => said("Not allowed here"));
  }, { id });
  return key;
}
