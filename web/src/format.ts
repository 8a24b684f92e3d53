// Numbers and values as text, in the same form as Python's short().

import { isGrid, isNumber, type Value } from "./data";
import { abs, finite, max } from "./maths";

/** A number with six significant digits, as Python's "%.6g" writes it. */
export function short(x: number, digits = 6): string {
  if (Number.isNaN(x)) return "nan";
  if (!finite(x)) return x > 0 ? "inf" : "-inf";
  if (x === 0) return Object.is(x, -0) ? "-0" : "0";
  const [mantissa = "", exponent = "0"] = x.toExponential(digits - 1).split("e");
  const e = Number(exponent);
  if (e < -4 || e >= digits) {
    const sign = e < 0 ? "-" : "+";
    return `${trimmed(mantissa)}e${sign}${String(abs(e)).padStart(2, "0")}`;
  }
  return trimmed(x.toFixed(digits - 1 - e));
}

function trimmed(text: string): string {
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

export function show(x: Value | undefined): string {
  if (x == null) return "";
  if (isNumber(x)) return short(x);
  if (!isGrid(x)) return x.text;
  if (!x.data.length) return `${tuple(x.shape)}, empty`;
  const first = x.data.slice(0, 3).map((v) => short(v, 4)).join(" ");
  return `${tuple(x.shape)}: ${first}${x.data.length > 3 ? " ..." : ""}`;
}

/** A shape as Python writes it: (3,) and (2, 3). */
export function tuple(shape: number[]): string {
  return shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
}

export function shapeOf(x: Value | undefined): number[] {
  return typeof x === "object" && x !== null ? (x.shape ?? []) : [];
}

/** A value as a factor or a summand: negative numbers in parentheses. */
export function factor(x: Value | undefined): string {
  const text = show(x);
  return text.startsWith("-") ? `(${text})` : text;
}

/** All that is known of an array, for a tooltip. */
export function entries(x: Value | undefined): string {
  if (x == null || isNumber(x)) return show(x);
  if (isGrid(x)) return `shape ${tuple(x.shape)}: ${x.data.map((v) => short(v)).join("  ")}`;
  if (!x.corner) return x.text;
  return `shape ${tuple(x.shape ?? [])}, from ${short(x.low ?? NaN)} to ${short(x.high ?? NaN)}`;
}

export function same(a: number, b: number, tolerance: number): boolean {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) && Number.isNaN(b);
  if (!finite(a) || !finite(b)) return a === b;
  return abs(a - b) <= tolerance * max(abs(a), abs(b));
}
