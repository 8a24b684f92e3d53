// Typed formulas as Python with NumPy: what a notebook's cell computes.

import type { Grid } from "./data";
import { bare, CONSTANTS } from "./arithmetic";
import type { Tree } from "./formula";
import { short } from "./format";

/** Other spellings of functions, by what they are called in NumPy. */
export const ALSO: Record<string, string> = bare({
  abs: "absolute", pow: "power", asin: "arcsin", acos: "arccos", atan: "arctan", atan2: "arctan2",
  asinh: "arcsinh", acosh: "arccosh", atanh: "arctanh", ln: "log", max: "maximum",
  min: "minimum", mod: "remainder",
});

/** What people call by a name that NumPy has not. */
export const WRITTEN: Record<string, string> = bare({
  relu: "maximum(x, 0)", sigmoid: "1/(1 + exp(-x))", softplus: "log(1 + exp(x))",
  softmax: "exp(x)/sum(exp(x))", cot: "1/tan(x)", sec: "1/cos(x)", csc: "1/sin(x)",
});

type Infix = [sign: string, strength: number];
export const SIGNS: Record<string, Infix> = bare<Infix>({
  less: ["<", 1], less_equal: ["<=", 1], greater: [">", 1], greater_equal: [">=", 1], equal: ["==", 1],
  not_equal: ["!=", 1], add: ["+", 2], subtract: ["-", 2], multiply: ["*", 3], divide: ["/", 3],
  remainder: ["%", 3], floor_divide: ["//", 3], matmul: ["@", 3], negative: ["-", 4], power: ["**", 5],
});
const ATOM = 6;

/** Where functions are found that are not NumPy's own. */
export const MODULES: Record<string, string> = bare({
  inv: "np.linalg", solve: "np.linalg", det: "np.linalg", norm: "np.linalg",
});

/** A function's name behind its module. */
export const home = (name: string): string => `${MODULES[name] ?? "np"}.${name}`;

/** A formula in Python, in brackets if it is weaker than what stands around it. */
export function python(tree: Tree, around = 0): string {
  const inside = (text: string, strength: number): string => (strength < around ? `(${text})` : text);
  if (tree.kind === "number") return inside(String(tree.value), tree.value < 0 ? 4 : ATOM);
  if (tree.kind === "name") return tree.name in CONSTANTS ? `np.${tree.name.replace("tau", "pi * 2")}` : tree.name;
  if (tree.kind === "list") return `np.array(${nested(tree)})`;
  const { name, parts, options = {} } = tree;
  const [x, y] = parts as [Tree, Tree];
  const [sign, strength] = SIGNS[name] ?? ["", 0];
  if (name === "power" && sign) return inside(`${python(x, ATOM)} ** ${python(y, 4)}`, strength);
  if (name === "negative") return inside(`-${python(x, strength)}`, strength);
  if (sign) return inside(`${python(x, strength)} ${sign} ${python(y, strength + 1)}`, strength);
  if (name === "getitem") return `${python(x, ATOM)}[${(options["index"] as unknown[]).map(place).join(", ")}]`;
  if (name === "transpose") return `${python(x, ATOM)}.T`;
  const known = parts.length > 1 || !/^(max|min)$/.test(name) ? ALSO[name] ?? name : name;
  const named = Object.entries(options).map(([key, value]) => `${key}=${value === true ? "True" : value === false ? "False" : value ?? "None"}`);
  return `${home(known)}(${[...parts.map((part) => python(part)), ...named].join(", ")})`;
}

function nested(tree: Tree & { kind: "list" }): string {
  return `[${tree.parts.map((x) => (x.kind === "list" ? nested(x) : python(x))).join(", ")}]`;
}

/** An array as Python writes it. */
export function bracketed({ shape, data }: Grid, digits: (x: number) => string = short): string {
  const [n, ...rest] = shape;
  if (n === undefined) return digits(data[0]!);
  const size = rest.reduce((a, b) => a * b, 1);
  return `[${Array.from({ length: n }, (_, i) =>
    bracketed({ shape: rest, data: data.slice(i * size, (i + 1) * size) }, digits)).join(", ")}]`;
}

export function place(index: unknown): string {
  if (!Array.isArray(index)) return String(index ?? "None");
  const [start, stop, step] = index.map((n: unknown) => (n === null ? "" : String(n)));
  return `${start}:${stop}${step ? `:${step}` : ""}`;
}
