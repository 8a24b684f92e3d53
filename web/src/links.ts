// Addresses that lead to a moment: #step=13&x=2, and the page as a notebook cell.

import { dataOf } from "./arrays";
import type { Numbers, Run } from "./data";
import { short } from "./format";
import { parse } from "./arithmetic";
import { entryName } from "./words";
import { abs, finite, round } from "./maths";

export interface Link {
  step: number | null;
  formula: string | null;
  run: number | null;
  /** Values by the names of inputs, or of their entries. */
  values: Map<string, number>;
}

export function readLink(hash: string): Link {
  const fields = new URLSearchParams(hash.replace(/^#/, ""));
  const link: Link = { step: null, formula: fields.get("f"), run: null, values: new Map() };
  for (const [key, text] of fields) {
    const value = parse(text);
    if (key === "f" || value === null) continue;
    if (key === "step") link.step = round(value);
    else if (key === "run") link.run = round(value);
    else link.values.set(key, value);
  }
  return link;
}

/** The inputs that a link gives, or null if it changes none of them. */
export function inputsOf(run: Run, link: Link): number[][] | null {
  let changed = false;
  const inputs = run.inputs.map((vertex) =>
    (dataOf(run.vertices[vertex]!.value) ?? []).map((x, entry) => {
      const given = link.values.get(entryName(run, { vertex, entry }));
      changed ||= given !== undefined && given !== x;
      return given ?? x;
    }));
  return changed ? inputs : null;
}

/** The address of a moment: what differs from how the page opens. */
export function linkOf(home: Run, numbers: Numbers, step: number, number: number, formula: string | null): string {
  const fields = new URLSearchParams();
  if (formula !== null) fields.set("f", formula);
  if (number > 0) fields.set("run", String(number));
  if (step > 0) fields.set("step", String(step));
  for (const vertex of home.inputs) {
    const before = dataOf(home.vertices[vertex]!.value) ?? [];
    (dataOf(numbers.values[vertex]) ?? []).forEach((x, entry) => {
      if (formula !== null || !Object.is(x, before[entry])) {
        fields.set(entryName(home, { vertex, entry }), finite(x) ? String(x) : short(x));
      }
    });
  }
  return fields.toString();
}

function literal(data: number[], shape: number[]): string {
  const text = (x: number): string =>
    finite(x) ? (Number.isInteger(x) && abs(x) < 1e15 ? x.toFixed(1) : String(x)) : `np.${short(x).replace("-inf", "inf * -1")}`;
  const nested = (from: number, axes: number[]): string => {
    const [count, ...rest] = axes;
    if (count === undefined) return text(data[from]!);
    const size = rest.reduce((a, b) => a * b, 1);
    return `[${Array.from({ length: count }, (_, i) => nested(from + i * size, rest)).join(", ")}]`;
  };
  return shape.length ? `np.array(${nested(0, shape)})` : text(data[0]!);
}

/** The libraries that a text calls. */
export function imports(text: string): string[] {
  const found = [...text.matchAll(/(?<![\w.])scipy(?:\.[a-z]\w*)*(?=\.\w+\()/g)].map(([name]) => `import ${name}`);
  return ["import numpy as np", ...new Set(found)];
}

/** Python that makes this page again, for a cell of a notebook; null where it cannot be told. */
export function cellOf(run: Run, numbers: Numbers): string | null {
  const given = run.inputs.map((i) => {
    const data = dataOf(numbers.values[i]);
    const { name, shape } = run.vertices[i]!;
    return data && /^[\p{L}_][\p{L}\p{Nd}_]*$/u.test(name) ? `${name}=${literal(data, shape)}` : null;
  });
  if (given.includes(null)) return null;
  const lines = run.source ?? run.files[0]?.lines.map(([, text]) => text) ?? [];
  const indent = /^\s*/.exec(lines[0] ?? "")![0].length;
  if (!/^\s*def \w+\(/.test(lines[0] ?? "") || run.files.length > 1) return null;
  const source = lines.map((line) => line.slice(indent));
  const name = /def (\w+)/.exec(source[0]!)![1]!;
  return [...imports(source.join("\n")), "", "import chainrule as gd", "", "", ...source, "", "",
    `gd.explain(${name})(${given.join(", ")})`].join("\n");
}
