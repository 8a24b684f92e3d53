// Numbers as people type them: arithmetic, read into a tree and computed.

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

type Infix = Record<string, [strength: number, name: string]>;

/** Reads arithmetic; formula.ts adds what else formulas have. */
export class Reader {
  protected readonly all: Token[];
  protected at = 0;
  protected infixes: Infix = bare({
    "+": [2, "add"], "-": [2, "subtract"], "*": [3, "multiply"], "/": [3, "divide"],
  });

  constructor(protected readonly text: string) {
    this.all = tokens(text);
  }

  read(): Tree {
    const whole = this.whole();
    const { kind, text, start } = this.now;
    if (kind === "end") return whole;
    const hint = kind === "sign" && text !== "(" ? "" : " A product is written 2*x, a function sin(x).";
    throw new FormulaError(`"${text}" is out of place.${hint}`, start);
  }

  protected get now(): Token {
    return this.all[this.at]!;
  }

  /** Go past a sign, if it is what comes next. */
  protected next(sign: string): boolean {
    const found = this.now.text === sign && this.now.kind !== "end";
    if (found) this.at += 1;
    return found;
  }

  protected expect(sign: string): void {
    const { kind, text, start } = this.now;
    if (this.next(sign)) return;
    throw new FormulaError(`Expected "${sign}" but found ${kind === "end" ? "the end" : `"${text}"`}.`, start);
  }

  /** A call, which keeps the text that it was written as. */
  protected call(name: string, parts: Tree[], from: number, options?: Options): Tree {
    const text = this.text.slice(from, this.all[this.at - 1]!.end).trim();
    return { kind: "call", name, parts, text, ...(options && { options }) };
  }

  protected whole(): Tree {
    return this.infix(0);
  }

  protected infix(weakest: number): Tree {
    const from = this.now.start;
    let left = this.#signed();
    for (;;) {
      const [strength, name] = this.infixes[this.now.text] ?? [0, ""];
      if (this.now.kind !== "sign" || strength <= weakest) return left;
      this.at += 1;
      left = this.call(name, [left, this.infix(strength)], from);
    }
  }

  #signed(): Tree {
    const { start } = this.now;
    if (this.next("+")) return this.#signed();
    if (!this.next("-")) return this.#power();
    const inside = this.#signed();
    return inside.kind === "number"
      ? { kind: "number", value: -inside.value }
      : this.call("negative", [inside], start);
  }

  #power(): Tree {
    const { start } = this.now;
    const base = this.behind(this.atom(), start);
    return this.next("**") ? this.call("power", [base, this.#signed()], start) : base;
  }

  protected atom(): Tree {
    const { kind, text, start } = this.now;
    this.at += 1;
    if (kind === "number") return { kind, value: Number(text) };
    if (kind === "name") return this.next("(") ? this.called(text, start) : { kind, name: text };
    if (text !== "(") {
      throw new FormulaError(kind === "end" ? "The formula ends too early." : `"${text}" is out of place.`, start);
    }
    const inside = this.whole();
    this.expect(")");
    return inside;
  }

  protected called(name: string, from: number): Tree {
    const argument = this.whole();
    this.expect(")");
    return this.call(name, [argument], from);
  }

  /** What follows a value. */
  protected behind(base: Tree, _from: number): Tree {
    return base;
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

export function valueOf(tree: Tree): number {
  if (tree.kind === "number") return tree.value;
  const value = tree.kind === "name" ? CONSTANTS[tree.name.toLowerCase()]
    : tree.kind === "call" ? OPERATIONS[tree.name]?.(...tree.parts.map(valueOf)) : undefined;
  if (value === undefined) throw new FormulaError("This is no number.", 0);
  return value;
}

/** A number as people type it: 0.5, 1e-3, 1/3, 2*pi, sqrt(2), a comma; null if it is none. */
export function parse(text: string): number | null {
  try {
    return valueOf(new Reader(text.includes("(") ? text : text.replaceAll(",", ".")).read());
  } catch {
    return null;
  }
}
