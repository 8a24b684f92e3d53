// The program with its current line lit, and the gradient as NumPy code.

import type { Place, Run } from "./data";
import { button, h, replace } from "./dom";

export class SourcePanel {
  readonly element = h("section", { class: "card source", "aria-labelledby": "source-title" });
  private readonly lines = new Map<string, { row: HTMLElement; code: HTMLElement; text: string }>();
  private readonly frame = h("div", {
    class: "code scroll", tabindex: 0, role: "group", "aria-label": "Source of the function",
  });
  private lit: { row: HTMLElement; code: HTMLElement; text: string }[] = [];

  constructor(private readonly run: Run) {
    this.element.append(h("h2", { id: "source-title" }, "Source"));
    run.files.forEach((file, number) => {
      if (run.files.length > 1) this.frame.append(h("p", { class: "file" }, file.name));
      const indent = Math.min(
        ...file.lines.filter(([, t]) => t.trim()).map(([, t]) => t.length - t.trimStart().length),
      );
      for (const [line, text] of file.lines) {
        const code = h("span", { class: "text" }, text.slice(indent) || " ");
        const row = h("div", { class: "line" },
          h("span", { class: "gutter", "aria-hidden": "true" }, String(line)), code);
        this.lines.set(`${number}:${line}`, { row, code, text });
        this.frame.append(row);
      }
      this.indents.push(Number.isFinite(indent) ? indent : 0);
    });
    this.element.append(run.files.some((f) => f.lines.length)
      ? this.frame
      : h("p", { class: "remark" }, "There are no source lines: this recording was not made by " +
          "gd.explain(f), or its source is not in a file."));
  }

  private readonly indents: number[] = [];

  update(vertex: number | null): void {
    for (const { row, code, text } of this.lit) {
      row.classList.remove("lit");
      row.removeAttribute("aria-current");
      code.textContent = text || " ";
    }
    this.lit = [];
    const number = vertex == null ? null : this.run.vertices[vertex]!.place;
    const place = number == null ? undefined : this.run.places[number];
    if (!place) return;
    for (let line = place.line; line <= place.endLine; line += 1) this.light(place, line);
    const first = this.lit[0]?.row;
    if (first) keepVisible(this.frame, first);
  }

  private light(place: Place, line: number): void {
    const entry = this.lines.get(`${place.file}:${line}`);
    if (!entry) return;
    const indent = this.indents[place.file] ?? 0;
    const text = entry.text.slice(indent);
    const start = line === place.line ? Math.max(0, place.start - indent) : 0;
    const end = line === place.endLine ? place.end - indent : text.length;
    entry.row.classList.add("lit");
    entry.row.setAttribute("aria-current", "true");
    replace(entry.code, text.slice(0, start) || null,
      h("mark", {}, text.slice(start, end)), text.slice(end) || null);
    this.lit.push({ ...entry, text });
  }
}

function keepVisible(frame: HTMLElement, row: HTMLElement): void {
  const [top, bottom] = [row.offsetTop - 30, row.offsetTop + row.offsetHeight + 30];
  if (top < frame.scrollTop) frame.scrollTop = top;
  else if (bottom > frame.scrollTop + frame.clientHeight) {
    frame.scrollTop = bottom - frame.clientHeight;
  }
}

export function codePanel(run: Run): HTMLElement {
  const panel = h("section", { class: "card numpy", "aria-labelledby": "code-title" });
  const title = h("h2", { id: "code-title" }, "The derivative as NumPy code");
  if (run.code == null) {
    panel.append(title, h("p", { class: "remark" }, run.noCode));
    return panel;
  }
  const text = run.code.trimEnd();
  const code = h("pre", {
    class: "scroll", tabindex: 0, role: "group", "aria-label": "NumPy code",
  }, h("code", {}, ...text.split("\n").flatMap((line) => {
    const comment = line.indexOf("#");
    const parts: (HTMLElement | string)[] = comment < 0
      ? [line]
      : [line.slice(0, comment), h("span", { class: "comment" }, line.slice(comment))];
    return [...parts, "\n"];
  })));
  const copy = button("Copy", () => {
    const said = (word: string): void => {
      copy.textContent = word;
      setTimeout(() => (copy.textContent = "Copy"), 1500);
    };
    const select = (): void => {
      getSelection()?.selectAllChildren(code);
      said("Selected");
    };
    if (navigator.clipboard) {
      navigator.clipboard.writeText(`${text}\n`).then(() => said("Copied"), select);
    } else {
      select();
    }
  });
  panel.append(h("div", { class: "titled" }, title, copy), code);
  return panel;
}
