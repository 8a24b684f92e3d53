// Words of the field, explained where they stand, in a learner's words.

import { h } from "./dom";

const GLOSSES: Record<string, string> = {
  cotangent: "How much the result changes per unit of this value: the derivative of the result in it.",
  tangent: "How fast this value moves when the inputs move at their speeds.",
  vertex: "One value of the calculation, and how it was computed: a box of the graph.",
  "local derivative": "How much one operation's result changes per unit of one of its operands, all else fixed.",
  "ready queue": "The boxes that have received every contribution, and so may hand theirs on.",
};

/** A word with its gloss, on hover and on focus. */
export function gloss(word: string, shown = word): HTMLElement {
  const text = GLOSSES[word] ?? "";
  return h("dfn.gloss", { tabindex: 0, "data-gloss": text }, shown,
    h("span.unseen", `: ${text}`));
}
