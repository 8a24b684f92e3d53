// Numbers and values as text, in the same form as Python's short().

import { isNumber, type Value } from "./data";

/** A number with six significant digits, as Python's "%.6g" writes it. */
export function short(x: number, digits = 6): string {
  if (Number.isNaN(x)) return "nan";
  if (!Number.isFinite(x)) return x > 0 ? "inf" : "-inf";
  if (x === 0) return Object.is(x, -0) ? "-0" : "0";
  const [mantissa = "", exponent = "0"] = x.toExponential(digits - 1).split("e");
  const e = Number(exponent);
  if (e < -4 || e >= digits) {
    const sign = e < 0 ? "-" : "+";
    return `${trimmed(mantissa)}e${sign}${String(Math.abs(e)).padStart(2, "0")}`;
  }
  return trimmed(x.toFixed(digits - 1 - e));
}

function trimmed(text: string): string {
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

export function show(x: Value | undefined): string {
  if (x == null) return "";
  return isNumber(x) ? short(x) : x.text;
}

/** A value as a factor or a summand: negative numbers in parentheses. */
export function factor(x: Value | undefined): string {
  const text = show(x);
  return text.startsWith("-") ? `(${text})` : text;
}

/** All the entries of an array that are known, for a tooltip. */
export function entries(x: Value | undefined): string {
  if (x == null || isNumber(x) || !x.entries) return show(x);
  const more = x.more ? ` and ${x.more} more` : "";
  return `shape (${x.shape?.join(", ")}): ${x.entries.join("  ")}${more}`;
}

/** Read a number as people type it: 0.5, .5, 1e-3, -inf, 1/3, a minus sign, a comma. */
export function parse(text: string): number | null {
  const plain = text.trim().replace(/\u2212/g, "-").replace(",", ".").toLowerCase();
  const halves = plain.split("/").map(parseOne);
  const [x, y] = halves;
  if (halves.length > 2 || x == null || (halves.length === 2 && y == null)) return null;
  return y == null ? x : x / y;
}

function parseOne(text: string): number | null {
  const plain = text.trim();
  const named = /^([+-]?)(nan|inf|infinity)$/.exec(plain);
  if (named) {
    const size = named[2] === "nan" ? NaN : Infinity;
    return named[1] === "-" ? -size : size;
  }
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/.test(plain)) return null;
  return Number(plain);
}

export function same(a: number, b: number, tolerance: number): boolean {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) && Number.isNaN(b);
  if (!Number.isFinite(a) || !Number.isFinite(b)) return a === b;
  return Math.abs(a - b) <= tolerance * Math.max(Math.abs(a), Math.abs(b));
}
