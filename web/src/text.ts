// How wide a text will be, before anything is laid out.

import { floor, min } from "./maths";

const pen = document.createElement("canvas").getContext("2d");
const known = new Map<string, number>();

/** The width of a text in the page's typewriter face, in pixels. */
export function widthOf(text: string, size: number, bold = false): number {
  const family = getComputedStyle(document.documentElement).getPropertyValue("--mono");
  const key = `${size}${bold ? "b" : ""} ${text}`;
  let width = known.get(key);
  if (width === undefined) {
    if (pen) pen.font = `${bold ? "700 " : ""}${size}px ${family}`;
    width = pen ? pen.measureText(text).width : 0.62 * size * text.length;
    known.set(key, width);
  }
  return width;
}

/** A text cut to a width, with a sign that it is. */
export function fitted(text: string, size: number, room: number, bold = false): string {
  if (widthOf(text, size, bold) <= room) return text;
  let end = min(text.length, floor(room / (0.5 * size)));
  while (end > 1 && widthOf(`${text.slice(0, end)}\u2026`, size, bold) > room) end -= 1;
  return `${text.slice(0, end)}\u2026`;
}
