// The functions of numbers by names that a built page has short.

export const { abs, ceil, floor, max, min, round } = Math;
export const finite = Number.isFinite;
