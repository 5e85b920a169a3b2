// The status line, and what is read out. A passing remark stays until something else is done or some seconds are over.

import { el, setText } from "./dom.js";
import { describe, statusOf } from "./status.js";

const REMARK_MS = 6000;

/**
 * @param {(key: string, values?: object) => string} word
 * @param {() => void} refresh
 */
export function createSayer(word, refresh) {
  const element = el("div", { class: "hidden", role: "status", "aria-live": "polite" });
  let remark = "";
  let timer = 0;

  function forget() {
    clearTimeout(timer);
    [remark, timer] = ["", 0];
  }

  function remind(text) {
    forget();
    remark = text;
    timer = setTimeout(() => {
      forget();
      refresh();
    }, REMARK_MS);
    refresh();
  }

  return {
    /** Invisible; a screen reader says what is put into it. */
    element,
    say: (key, values) => remind(word(key, values)),
    /** Reads out the selected point, or the keyboard's cursor. */
    announce(model) {
      const [x, y] = model.cursor ?? [0, 0];
      remind(describe(model, model.selection, word) || (model.cursor ? word("cursorAt", { x, y }) : ""));
    },
    /** @returns {{text: string, warning: boolean}} what the status line shows now */
    line(model) {
      if (model.draft) forget();
      const line = remark ? { text: remark, warning: false } : statusOf(model, word);
      if (!model.hover && !model.draft && line.text) setText(element, line.text);
      return line;
    },
    destroy: forget,
  };
}
