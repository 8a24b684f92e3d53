// The gradient of a typed formula as NumPy code, one line per step of either sweep.

import { shapeOfOperand, sizeOf } from "./arrays";
import { isGrid, type Operand, type Run } from "./data";
import { imports } from "./links";
import { bracketed, home, place, SIGNS } from "./python";
import type { Options } from "./typed";

const FIT = `
def _fit(part, shape):
    """Return the sum of a part over what was repeated to its shape."""
    part = np.broadcast_to(part, np.broadcast_shapes(np.shape(part), shape))
    lead = part.ndim - len(shape)
    axes = [i for i in range(part.ndim) if i < lead or shape[i - lead] == 1]
    return part.sum(tuple(axes)).reshape(shape)
`;
const PLACED = `
def _placed(part, shape, index):
    """Return zeros of a shape with a part of it filled in."""
    whole = np.zeros(shape)
    whole[index] = part
    return whole
`;

const tuple = (shape: number[]): string => `(${shape.join(", ")}${shape.length === 1 ? "," : ""})`;

/** A local derivative in Python: names of values as they are there, and of NumPy's functions. */
function written(formula: string): string {
  return formula.replace(/#(?=\d)/g, "_").replace(/\[(?:[^[\]]|\[[^[\]]*\])*\]/g, "np.array($&)")
    .replace(/(?<![\w.])([a-z_]\w*)\(/g, (_, name: string) => `${home(name)}(`)
    .replace(/(?<![\w.])(pi|e|inf|nan)(?!\w)/g, "np.$1");
}

function options(given: Options): string {
  return Object.entries(given).map(([key, x]) => `, ${key}=${x === true ? "True" : x === false ? "False" : x ?? "None"}`).join("");
}

/** What an operation on arrays passes to one operand; `d` is what comes in, `a` and `b` are shapes. */
function pulled(
  name: string, position: number, d: string, z: string, [x, y]: string[], [a, b]: number[][], size: number, given: Options,
): string {
  const back = (text: string): string =>
    given["axis"] === undefined || given["keepdims"] ? text : `np.expand_dims(${text}, ${given["axis"]})`;
  const flat = (shape: number[] | undefined): boolean => shape?.length === 1;
  const solved = `np.linalg.solve(${x}.T, ${d})`;
  switch (name) {
    case "sum": return `np.broadcast_to(${back(d)}, ${tuple(a!)})`;
    case "mean": return `np.broadcast_to(${back(d)} / ${sizeOf(a!) / size}, ${tuple(a!)})`;
    case "max": case "min":
      return `${back(d)} * (${x} == ${back(z)}) / np.sum(${x} == ${back(z)}${options({ ...given, keepdims: true })})`;
    case "cumsum": {
      const along = given["axis"] ?? null;
      return along === null ? `np.cumsum(${d}[::-1])[::-1].reshape(${tuple(a!)})`
        : `np.flip(np.cumsum(np.flip(${d}, ${along}), ${along}), ${along})`;
    }
    case "sort": return `${d}[np.argsort(np.argsort(${x}))]`;
    case "transpose": return `${d}.T`;
    case "getitem": return `_placed(${d}, ${tuple(a!)}, np.s_[${(given["index"] as unknown as unknown[]).map(place).join(", ")}])`;
    case "matmul": case "dot":
      if (flat(a) && flat(b)) return `${d} * ${position ? x : y}`;
      if (position) return flat(a) ? `np.outer(${x}, ${d})` : `${x}.T @ ${d}`;
      return flat(b) ? `np.outer(${d}, ${y})` : flat(a) ? `${y} @ ${d}` : `${d} @ ${y}.T`;
    case "norm": return `${d} * ${x} / ${z}`;
    case "inv": return `-${z}.T @ ${d} @ ${z}.T`;
    case "det": return `${d} * ${z} * np.linalg.inv(${x}).T`;
    default: return position ? solved : flat(b) ? `-np.outer(${solved}, ${z})` : `-${solved} @ ${z}.T`;
  }
}

/** The gradient as NumPy code; `given` has the options of each vertex, `formulaOf` its local derivatives. */
export function codeOf(
  run: Run, given: Map<number, Options>, formulaOf: (vertex: number, position: number) => string,
): string {
  const name = (i: number): string => run.vertices[i]!.name.replace("#", "_");
  const operand = (x: Operand): string => {
    if ("vertex" in x) return name(x.vertex);
    if (isGrid(x.value)) return `np.array(${bracketed(x.value, String)})`;
    const text = String(x.value);
    return text.startsWith("-") ? `(${text})` : text;
  };
  const lines = [`def value_and_gradient(${run.inputs.map(name).join(", ")}):`, "    # forward"];
  run.vertices.forEach((v, i) => {
    if (v.rule == null || v.unused) return;
    const xs = v.operands.map(operand);
    const [sign] = SIGNS[v.operation] ?? [];
    const { index, ...named } = given.get(i) ?? {};
    const call = sign ? (xs.length > 1 ? xs.join(` ${sign} `) : `${sign}${xs[0]}`)
      : v.operation === "transpose" ? `${xs[0]}.T`
        : v.operation === "getitem" ? `${xs[0]}[${(index as unknown as unknown[]).map(place).join(", ")}]`
          : `${home(v.operation)}(${xs.join(", ")}${options(named)})`;
    lines.push(`    ${name(i)} = ${call}`);
  });
  lines.push("", "    # backward", `    ${name(run.result!)}_grad = 1.0`);
  const begun = new Set<number>();
  for (const { vertex, contributions } of run.steps) {
    const v = run.vertices[vertex]!;
    for (const { operand: target, position } of contributions) {
      const d = `${name(vertex)}_grad`;
      const shapes = v.operands.map((x) => shapeOfOperand(run, x));
      let part: string;
      if (v.script === null) {
        part = pulled(v.operation, position, d, name(vertex), v.operands.map(operand), shapes, sizeOf(v.shape), given.get(vertex) ?? {});
      } else {
        const factor = written(formulaOf(vertex, position));
        part = factor === "1" ? d : `${d} * ${/^[\w.]+$/.test(factor) ? factor : `(${factor})`}`;
        if (shapes[position]!.join() !== v.shape.join()) part = `_fit(${part}, ${tuple(shapes[position]!)})`;
      }
      const sum = `${name(target)}_grad`;
      lines.push(`    ${sum} = ${begun.has(target) ? `${sum} + ` : ""}${part}`);
      begun.add(target);
    }
  }
  const grads = run.inputs.map((i) => {
    const { shape } = run.vertices[i]!;
    return begun.has(i) ? `${name(i)}_grad` : shape.length ? `np.zeros(${tuple(shape)})` : "0.0";
  });
  lines.push(`    return ${name(run.result!)}, (${grads.join(", ")}${grads.length === 1 ? "," : ""})`);
  const text = lines.join("\n");
  const helpers = [text.includes("_fit(") ? FIT : "", text.includes("_placed(") ? PLACED : ""].filter(Boolean);
  return [...imports(text), ...helpers.map((helper) => `\n${helper.trimEnd()}`), "", "", text].join("\n");
}
