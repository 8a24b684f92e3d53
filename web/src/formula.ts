// Formulas as people type them: NumPy's spelling, read into a tree.

import { bare, FormulaError, Reader, valueOf, type Options, type Tree } from "./arithmetic";

const STATEMENT = /^\s*(for|while|if|def|class|import|from|lambda|print|with)\b/;

/** Read a formula; each call keeps the text that it was written as. */
export function read(text: string): Tree {
  const word = STATEMENT.exec(text)?.[1];
  if (word) throw new FormulaError(`"${word}" is not read here: lines are formulas, such as h = tanh(w*x). gd.explain(f) takes any Python.`, 0);
  return new FormulaReader(text).read();
}

class FormulaReader extends Reader {
  constructor(text: string) {
    super(text);
    Object.assign(this.infixes, {
      "<": [1, "less"], "<=": [1, "less_equal"], ">": [1, "greater"], ">=": [1, "greater_equal"],
      "==": [1, "equal"], "!=": [1, "not_equal"],
      "%": [3, "remainder"], "//": [3, "floor_divide"], "@": [3, "matmul"],
    });
  }

  /** `a if condition else b` is where(condition, a, b). */
  protected override whole(): Tree {
    const from = this.now.start;
    const taken = this.infix(0);
    if (!this.next("if")) return taken;
    const condition = this.infix(0);
    this.expect("else");
    return this.call("where", [condition, taken, this.whole()], from);
  }

  protected override atom(): Tree {
    const { start } = this.now;
    if (!this.next("[")) return super.atom();
    const parts: Tree[] = [];
    while (!this.next("]")) {
      if (parts.length) this.expect(",");
      parts.push(this.whole());
    }
    return { kind: "list", parts, text: this.text.slice(start, this.all[this.at - 1]!.end) };
  }

  protected override called(name: string, from: number): Tree {
    const [parts, options] = this.#given();
    if (name === "array" && parts[0]?.kind === "list") return parts[0];
    return this.call(name, parts, from, options);
  }

  /** What a function is given, up to the bracket: arguments, and options by their names. */
  #given(): [parts: Tree[], options: Options] {
    const parts: Tree[] = [];
    const options: Options = {};
    while (!this.next(")")) {
      if (parts.length || Object.keys(options).length) this.expect(",");
      const { kind, text } = this.now;
      if (kind === "name" && this.all[this.at + 1]?.text === "=") {
        this.at += 2;
        options[text] = option(this.whole());
      } else parts.push(this.whole());
    }
    return [parts, options];
  }

  /** Indices, .T and methods. */
  protected override behind(base: Tree, from: number): Tree {
    let made = base;
    for (;;) {
      if (this.next("[")) {
        const places = [this.#index()];
        while (this.next(",")) places.push(this.#index());
        this.expect("]");
        made = this.call("getitem", [made], from, { index: places });
      } else if (this.next(".")) {
        const name = this.now.text;
        this.at += 1;
        if (name === "T") {
          made = this.call("transpose", [made], from);
          continue;
        }
        this.expect("(");
        const [parts, options] = this.#given();
        made = this.call(name, [made, ...parts], from, options);
      } else return made;
    }
  }

  #index(): unknown {
    const ends: (number | null)[] = [];
    let whole: number | null = null;
    let sliced = false;
    while (this.now.text !== "," && this.now.text !== "]") {
      if (this.next(":")) {
        ends.push(whole);
        [whole, sliced] = [null, true];
      } else {
        const x = this.infix(0);
        if (x.kind !== "number" || !Number.isInteger(x.value)) throw new FormulaError("An index is a whole number.", this.now.start);
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
  try {
    return valueOf(tree);
  } catch {
    throw new FormulaError("A list holds numbers only.", 0);
  }
}
