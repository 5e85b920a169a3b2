// The clip before and after the drag: three buttons over the picture, there once a run has made something to compare.

import { el } from "./dom.js";

export const SHOWN = ["source", "result", "wipe"];
const WORDS = { source: "before", result: "after", wipe: "wipe" };

/**
 * @param {(key: string, values?: object) => string} word
 * @param {ReturnType<import("./model.js").createModel>} model
 * @param {AbortSignal} signal
 */
export function createCompare(word, model, signal) {
  const buttons = SHOWN.map((name) => {
    const button = el("button", { type: "button", title: word(`${WORDS[name]}Title`) }, word(WORDS[name]));
    button.addEventListener("click", () => model.show(name), { signal });
    return button;
  });
  const element = el("div", { class: "compare", role: "group", "aria-label": word("compare"), hidden: true }, ...buttons);

  return {
    element,
    update() {
      element.hidden = !model.canCompare;
      SHOWN.forEach((name, i) => buttons[i].setAttribute("aria-pressed", String(model.shown === name)));
    },
  };
}

/** Frames of both clips as one: what is shown is there when all that is shown of it is. */
export function bothFrames(model, frames, results) {
  const comparing = () => model.shown !== "source";
  return {
    has: (position) => frames.has(position) && (!comparing() || results.has(position)),
    prefetch(position) {
      frames.prefetch(position);
      if (comparing()) results.prefetch(position);
    },
  };
}
