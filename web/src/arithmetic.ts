// Numbers as people type them: arithmetic, computed as it is read.

/** A table that has no entries but its own: none is called constructor. */
export function bare<T>(entries: Record<string, T>): Record<string, T> {
  return Object.assign(Object.create(null) as Record<string, T>, entries);
}

/** The numbers that have names. */
export const CONSTANTS: Record<string, number> = bare({
  pi: Math.PI, e: Math.E, "\u03c0": Math.PI, inf: Infinity, infinity: Infinity, nan: NaN, tau: 2 * Math.PI,
});

/** A text with the signs of keyboards for those of books. */
export function typed(text: string): string {
  return text.replace(/[\u2212\u2013]/g, "-").replace(/[\u00d7\u22c5\u00b7]/g, "*");
}

const WORD = /(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|\p{L}[\p{L}.]*|\*\*|\S/giu;

/** A number as people type it: 0.5, 1e-3, 1/3, 2*pi, sqrt(2), a comma; null if it is none. */
export function parse(text: string): number | null {
  const words = typed(text.includes("(") ? text : text.replaceAll(",", ".")).match(WORD) ?? [];
  let at = 0;
  let read = true;
  const next = (...signs: string[]): string => (signs.includes(words[at]!) ? words[at++]! : "");
  const sum = (): number => {
    let x = product();
    for (let sign; (sign = next("+", "-")); ) x += sign === "+" ? product() : -product();
    return x;
  };
  const product = (): number => {
    let x = signed();
    for (let sign; (sign = next("*", "/")); ) x = sign === "*" ? x * signed() : x / signed();
    return x;
  };
  const signed = (): number => (next("-") ? -signed() : next("+") ? signed() : power());
  const power = (): number => {
    const base = atom();
    return next("**", "^") ? base ** signed() : base;
  };
  const inBrackets = (): number => {
    const x = sum();
    read &&= next(")") !== "";
    return x;
  };
  const atom = (): number => {
    const word = (words[at++] ?? "").replace(/^(np|math)\./, "");
    if (word === "(") return inBrackets();
    if (/^\.?\d/.test(word)) return Number(word);
    if (next("(")) {
      read &&= /^(sqrt|exp|log|sin|cos|tan)$/.test(word);
      return (Math as unknown as Record<string, (x: number) => number>)[read ? word : "abs"]!(inBrackets());
    }
    const known = CONSTANTS[word.toLowerCase()];
    read &&= known !== undefined;
    return known ?? NaN;
  };
  const found = sum();
  return read && at === words.length ? found : null;
}
