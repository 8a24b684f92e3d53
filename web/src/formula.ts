// Formulas as people type them: NumPy's spelling, read into a tree.

import { bare, parse, typed } from "./arithmetic";

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

export interface Token {
  text: string;
  kind: "number" | "name" | "sign" | "end";
  start: number;
  end: number;
}

const TOKEN = /\s*(?:(\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)|((?:np\.linalg\.|np\.|math\.)?[\p{L}_][\p{L}\p{Nd}_]*)|(\*\*|\/\/|[<>=!]=|[-+*/%^<>(),@[\]:.=]))/uy;
/** What to write instead of a sign that is not read. */
const INSTEAD: Record<string, string> = {
  "|": " Write abs(x).", "{": " Use round brackets.", "&": " Write logical_and(a, b).",
  "\u00b2": " Write x**2.", "\u00b3": " Write x**3.", "\u221a": " Write sqrt(x).",
};

function tokens(text: string): Token[] {
  const plain = typed(text);
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
    const word = number ?? name?.replace(/^(np\.linalg|np|math)\./, "").replace(/^\u03c0$/, "pi") ?? (sign === "^" ? "**" : sign!);
    found.push({ text: word, kind, start: TOKEN.lastIndex - made[0].trim().length, end: TOKEN.lastIndex });
  }
  found.push({ text: "", kind: "end", start: plain.length, end: plain.length });
  return found;
}

const INFIXES: Record<string, [strength: number, name: string]> = bare({
  "<": [1, "less"], "<=": [1, "less_equal"], ">": [1, "greater"], ">=": [1, "greater_equal"],
  "==": [1, "equal"], "!=": [1, "not_equal"],
  "+": [2, "add"], "-": [2, "subtract"], "*": [3, "multiply"], "/": [3, "divide"],
  "%": [3, "remainder"], "//": [3, "floor_divide"], "@": [3, "matmul"],
});

const DEFINED = /^\s*\w+\([^()]*\)\s*=(?!=)\s*/;
const STATEMENT = /^\s*(for|while|if|def|class|import|from|lambda|print|with)\b/;

/** Read a formula; each call keeps the text that it was written as. */
export function read(text: string): Tree {
  const word = STATEMENT.exec(text)?.[1];
  if (word) throw new FormulaError(`"${word}" is not read here: lines are formulas, such as h = tanh(w*x). gd.explain(f) takes any Python.`, 0);
  const defined = DEFINED.exec(text)?.[0];
  if (defined) throw new FormulaError(`Write what is behind the =: ${text.slice(defined.length).trim()}`, 0);
  return new Reader(text).read();
}

class Reader {
  readonly #text: string;
  readonly #all: Token[];
  #at = 0;

  constructor(text: string) {
    this.#text = text;
    this.#all = tokens(text);
  }

  read(): Tree {
    const whole = this.#whole();
    const { kind, text, start } = this.#now;
    if (kind === "end") return whole;
    const hint = kind === "sign" && text !== "(" ? "" : " A product is written 2*x, a function sin(x).";
    throw new FormulaError(`"${text}" is out of place.${hint}`, start);
  }

  get #now(): Token {
    return this.#all[this.#at]!;
  }

  /** Go past a sign, if it is what comes next. */
  #next(sign: string): boolean {
    const found = this.#now.text === sign && this.#now.kind !== "end";
    if (found) this.#at += 1;
    return found;
  }

  #expect(sign: string): void {
    const { kind, text, start } = this.#now;
    if (this.#next(sign)) return;
    throw new FormulaError(`Expected "${sign}" but found ${kind === "end" ? "the end" : `"${text}"`}.`, start);
  }

  /** A call, which keeps the text that it was written as. */
  #call(name: string, parts: Tree[], from: number, options?: Options): Tree {
    const text = this.#text.slice(from, this.#all[this.#at - 1]!.end).trim();
    return { kind: "call", name, parts, text, ...(options && { options }) };
  }

  /** `a if condition else b` is where(condition, a, b). */
  #whole(): Tree {
    const from = this.#now.start;
    const taken = this.#infix(0);
    if (!this.#next("if")) return taken;
    const condition = this.#infix(0);
    this.#expect("else");
    return this.#call("where", [condition, taken, this.#whole()], from);
  }

  #infix(weakest: number): Tree {
    const from = this.#now.start;
    let left = this.#signed();
    for (;;) {
      const [strength, name] = INFIXES[this.#now.text] ?? [0, ""];
      if (this.#now.kind !== "sign" || strength <= weakest) return left;
      this.#at += 1;
      left = this.#call(name, [left, this.#infix(strength)], from);
    }
  }

  #signed(): Tree {
    const { start } = this.#now;
    if (this.#next("+")) return this.#signed();
    if (!this.#next("-")) return this.#power();
    const inside = this.#signed();
    return inside.kind === "number"
      ? { kind: "number", value: -inside.value }
      : this.#call("negative", [inside], start);
  }

  #power(): Tree {
    const { start } = this.#now;
    const base = this.#behind(this.#atom(), start);
    return this.#next("**") ? this.#call("power", [base, this.#signed()], start) : base;
  }

  #atom(): Tree {
    const { kind, text, start } = this.#now;
    this.#at += 1;
    if (kind === "number") return { kind, value: Number(text) };
    if (kind === "name") return this.#next("(") ? this.#called(text, start) : { kind, name: text };
    if (text === "[") return this.#list(start);
    if (text !== "(") {
      throw new FormulaError(kind === "end" ? "The formula ends too early." : `"${text}" is out of place.`, start);
    }
    const inside = this.#whole();
    this.#expect(")");
    return inside;
  }

  #list(start: number): Tree {
    const parts: Tree[] = [];
    while (!this.#next("]")) {
      if (parts.length) this.#expect(this.#now.kind === "end" ? "]" : ",");
      parts.push(this.#whole());
    }
    return { kind: "list", parts, text: this.#text.slice(start, this.#all[this.#at - 1]!.end) };
  }

  #called(name: string, from: number): Tree {
    const [parts, options] = this.#given();
    if (name === "array" && parts[0]?.kind === "list") return parts[0];
    return this.#call(name, parts, from, options);
  }

  /** What a function is given, up to the bracket: arguments, and options by their names. */
  #given(): [parts: Tree[], options: Options] {
    const parts: Tree[] = [];
    const options: Options = {};
    while (!this.#next(")")) {
      if (parts.length || Object.keys(options).length) this.#expect(this.#now.kind === "end" ? ")" : ",");
      const { kind, text } = this.#now;
      if (kind === "name" && this.#all[this.#at + 1]?.text === "=") {
        this.#at += 2;
        options[text] = option(this.#whole());
      } else parts.push(this.#whole());
    }
    return [parts, options];
  }

  /** Indices, .T and methods. */
  #behind(base: Tree, from: number): Tree {
    let made = base;
    for (;;) {
      if (this.#next("[")) {
        const places = [this.#index()];
        while (this.#next(",")) places.push(this.#index());
        this.#expect("]");
        made = this.#call("getitem", [made], from, { index: places });
      } else if (this.#next(".")) {
        const name = this.#now.text;
        this.#at += 1;
        if (name === "T") {
          made = this.#call("transpose", [made], from);
          continue;
        }
        this.#expect("(");
        const [parts, options] = this.#given();
        made = this.#call(name, [made, ...parts], from, options);
      } else return made;
    }
  }

  #index(): unknown {
    const ends: (number | null)[] = [];
    let whole: number | null = null;
    let sliced = false;
    while (this.#now.text !== "," && this.#now.text !== "]") {
      if (this.#next(":")) {
        ends.push(whole);
        [whole, sliced] = [null, true];
      } else {
        const x = this.#infix(0);
        if (x.kind !== "number" || !Number.isInteger(x.value)) throw new FormulaError("An index is a whole number.", this.#now.start);
        whole = x.value;
      }
    }
    ends.push(whole);
    if (!sliced) return whole;
    return [ends[0] ?? null, ends[1] ?? null, ends[2] ?? null];
  }
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
  const value = tree.kind === "number" ? tree.value : parse(tree.kind === "name" ? tree.name : tree.text);
  if (value === null) throw new FormulaError("A list holds numbers only.", 0);
  return value;
}
