// Formulas as people type them: NumPy's spelling, read into a tree.

export type Tree =
  | { kind: "number"; value: number }
  | { kind: "name"; name: string }
  | { kind: "list"; parts: Tree[]; text: string }
  | { kind: "call"; name: string; parts: Tree[]; text: string; options?: Options };

export type Options = Record<string, unknown>;

/** What is wrong with a formula, and where. */
export class FormulaError extends Error {
  constructor(message: string, readonly at: number) {
    super(message);
  }
}

interface Token {
  text: string;
  kind: "number" | "name" | "sign" | "end";
  start: number;
  end: number;
}

const INFIX: Record<string, [strength: number, name: string]> = {
  "<": [1, "less"], "<=": [1, "less_equal"], ">": [1, "greater"], ">=": [1, "greater_equal"],
  "==": [1, "equal"], "!=": [1, "not_equal"],
  "+": [2, "add"], "-": [2, "subtract"], "*": [3, "multiply"], "/": [3, "divide"],
  "%": [3, "remainder"], "//": [3, "floor_divide"], "@": [3, "matmul"],
};
const TOKEN = /\s*(?:(\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)|((?:np\.linalg\.|np\.|math\.)?[\p{L}_][\p{L}\p{N}_]*)|(\*\*|\/\/|[<>=!]=|[-+*/%^<>(),@[\]:.=]))/uy;
/** What to write instead of a sign that is not read. */
const INSTEAD: Record<string, string> = { "|": " Write abs(x).", "{": " Use round brackets.", "&": " Write logical_and(a, b)." };

function tokens(text: string): Token[] {
  const plain = text.replace(/[\u2212\u2013]/g, "-").replace(/[\u00d7\u22c5\u00b7]/g, "*");
  const found: Token[] = [];
  TOKEN.lastIndex = 0;
  while (plain.slice(TOKEN.lastIndex).trim()) {
    const at = TOKEN.lastIndex;
    const made = TOKEN.exec(plain);
    if (!made) {
      const bad = plain.slice(at).trim()[0] ?? "";
      throw new FormulaError(`"${bad}" is not part of a formula.${INSTEAD[bad] ?? ""}`, at);
    }
    const [number, name, sign] = made.slice(1);
    const kind = number ? "number" : name ? "name" : "sign";
    const word = number ?? name?.replace(/^(np\.linalg|np|math)\./, "") ?? (sign === "^" ? "**" : sign!);
    found.push({ text: word, kind, start: TOKEN.lastIndex - made[0].trim().length, end: TOKEN.lastIndex });
  }
  found.push({ text: "", kind: "end", start: plain.length, end: plain.length });
  return found;
}

const STATEMENT = /^\s*(for|while|if|def|class|import|from|lambda|print|with)\b/;

/** Read a formula; each call keeps the text that it was written as. */
export function read(text: string): Tree {
  const word = STATEMENT.exec(text)?.[1];
  if (word) throw new FormulaError(`"${word}" is not read here: lines are formulas, such as h = tanh(w*x). gd.explain(f) takes any Python.`, 0);
  const all = tokens(text);
  let i = 0;
  const now = (): Token => all[i]!;
  const expect = (sign: string): void => {
    if (now().text !== sign) {
      const found = now().kind === "end" ? "the end" : `"${now().text}"`;
      throw new FormulaError(`Expected "${sign}" but found ${found}.`, now().start);
    }
    i += 1;
  };
  const call = (name: string, parts: Tree[], from: number, options?: Options): Tree =>
    ({ kind: "call", name, parts, text: text.slice(from, all[i - 1]!.end).trim(), ...(options && { options }) });
  const next = (sign: string): boolean => {
    const found = now().text === sign && now().kind === "sign";
    if (found) i += 1;
    return found;
  };
  /** What a function is given, up to the bracket: arguments, and options by their names. */
  const given = (): [parts: Tree[], options: Options] => {
    const parts: Tree[] = [];
    const options: Options = {};
    while (!next(")")) {
      if (parts.length || Object.keys(options).length) expect(",");
      if (now().kind === "name" && all[i + 1]?.text === "=") {
        const name = now().text;
        i += 2;
        options[name] = option(choice());
      } else parts.push(choice());
    }
    return [parts, options];
  };
  const index = (): unknown => {
    const ends: (number | null)[] = [];
    let whole: number | null = null;
    let sliced = false;
    while (now().text !== "," && now().text !== "]") {
      if (next(":")) {
        ends.push(whole);
        [whole, sliced] = [null, true];
      } else {
        const x = infix(0);
        if (x.kind !== "number" || !Number.isInteger(x.value)) throw new FormulaError("An index is a whole number.", now().start);
        whole = x.value;
      }
    }
    ends.push(whole);
    if (!sliced) return whole;
    return [ends[0] ?? null, ends[1] ?? null, ends[2] ?? null];
  };
  /** What follows a value: indices, .T and methods. */
  const behind = (base: Tree, from: number): Tree => {
    let made = base;
    for (;;) {
      if (next("[")) {
        const places = [index()];
        while (next(",")) places.push(index());
        expect("]");
        made = call("getitem", [made], from, { index: places });
      } else if (next(".")) {
        const name = now().text;
        i += 1;
        if (name === "T") {
          made = call("transpose", [made], from);
          continue;
        }
        expect("(");
        const [parts, options] = given();
        made = call(name, [made, ...parts], from, options);
      } else return made;
    }
  };
  const atom = (): Tree => {
    const token = now();
    i += 1;
    if (token.kind === "number") return { kind: "number", value: Number(token.text) };
    if (token.kind === "name") {
      if (!next("(")) return { kind: "name", name: token.text };
      const [parts, options] = given();
      if (token.text === "array" && parts[0]?.kind === "list") return parts[0];
      return call(token.text, parts, token.start, options);
    }
    if (token.text === "(") {
      const inside = choice();
      expect(")");
      return inside;
    }
    if (token.text === "[") {
      const parts: Tree[] = [];
      while (!next("]")) {
        if (parts.length) expect(",");
        parts.push(choice());
      }
      return { kind: "list", parts, text: text.slice(token.start, all[i - 1]!.end) };
    }
    const what = token.kind === "end" ? "The formula ends too early." : `"${token.text}" is out of place.`;
    throw new FormulaError(what, token.start);
  };
  const power = (): Tree => {
    const from = now().start;
    const base = behind(atom(), from);
    if (now().text !== "**") return base;
    i += 1;
    return call("power", [base, signed()], from);
  };
  const signed = (): Tree => {
    const { text: sign, start } = now();
    if (sign !== "-" && sign !== "+") return power();
    i += 1;
    const inside = signed();
    if (sign === "+") return inside;
    return inside.kind === "number"
      ? { kind: "number", value: -inside.value }
      : call("negative", [inside], start);
  };
  const infix = (weakest: number): Tree => {
    const from = now().start;
    let left = signed();
    for (;;) {
      const [strength, name] = INFIX[now().text] ?? [0, ""];
      if (now().kind !== "sign" || !strength || strength <= weakest) return left;
      i += 1;
      left = call(name, [left, infix(strength)], from);
    }
  };
  /** `a if condition else b` is where(condition, a, b). */
  const choice = (): Tree => {
    const from = now().start;
    const taken = infix(0);
    if (now().text !== "if") return taken;
    i += 1;
    const condition = infix(0);
    expect("else");
    return call("where", [condition, taken, choice()], from);
  };
  const whole = choice();
  const { kind, text: left, start } = now();
  if (kind === "end") return whole;
  const hint = kind === "sign" && left !== "(" ? "" : " A product is written 2*x, a function sin(x).";
  throw new FormulaError(`"${left}" is out of place.${hint}`, start);
}

/** The value of an option: axis=0, keepdims=True. */
function option(x: Tree): unknown {
  const names: Record<string, unknown> = bare<unknown>({ True: true, False: false, None: null });
  if (x.kind === "number") return x.value;
  if (x.kind === "name" && x.name in names) return names[x.name];
  throw new FormulaError("An option is a number, True, False or None.", 0);
}

type Nested = number | Nested[];

/** The numbers of a list, as deep as it is; an error if it is no array of numbers. */
export function listed(tree: Tree): Nested {
  if (tree.kind === "list") {
    const parts = tree.parts.map(listed);
    const shape = (x: Nested): string => (typeof x === "number" ? "" : `${x.length},${x.length ? shape(x[0]!) : ""}`);
    if (parts.some((p) => shape(p) !== shape(parts[0]!))) throw new FormulaError("The rows of a list have different lengths.", 0);
    return parts;
  }
  try {
    return valueOf(tree);
  } catch {
    throw new FormulaError("A list holds numbers only.", 0);
  }
}

/** A table that has no entries but its own: none is called constructor. */
export function bare<T>(entries: Record<string, T>): Record<string, T> {
  return Object.assign(Object.create(null) as Record<string, T>, entries);
}

/** The numbers that have names. */
export const CONSTANTS: Record<string, number> = bare({
  pi: Math.PI, e: Math.E, inf: Infinity, infinity: Infinity, nan: NaN, tau: 2 * Math.PI,
});

const OPERATIONS: Record<string, (...x: number[]) => number> = bare<(...x: number[]) => number>({
  add: (x, y) => x! + y!, subtract: (x, y) => x! - y!, multiply: (x, y) => x! * y!,
  divide: (x, y) => x! / y!, negative: (x) => -x!, power: (x, y) => Math.pow(x!, y!),
  sqrt: Math.sqrt, exp: Math.exp, log: Math.log, sin: Math.sin, cos: Math.cos, tan: Math.tan,
});

function valueOf(tree: Tree): number {
  if (tree.kind === "number") return tree.value;
  if (tree.kind === "list") throw new FormulaError("A list is no number.", 0);
  if (tree.kind === "name") {
    const known = CONSTANTS[tree.name.toLowerCase()];
    if (known === undefined) throw new FormulaError(`"${tree.name}" is no number.`, 0);
    return known;
  }
  const operation = OPERATIONS[tree.name];
  if (!operation) throw new FormulaError(`"${tree.name}" is not known.`, 0);
  return operation(...tree.parts.map(valueOf));
}

/** A number as people type it: 0.5, 1e-3, 1/3, 2*pi, sqrt(2), a comma; null if it is none. */
export function parse(text: string): number | null {
  try {
    return valueOf(read(text.includes("(") ? text : text.replaceAll(",", ".")));
  } catch {
    return null;
  }
}
