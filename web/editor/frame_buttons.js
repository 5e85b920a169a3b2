// Beside the status line, on a frame without points: buttons that lead to their frame or set them on this one.

import { el, setText } from "./dom.js";
import { isEmpty } from "./instruction.js";

/**
 * @param {(key: string, values?: object) => string} word
 * @param {ReturnType<import("./model.js").createModel>} model
 * @param {ReturnType<import("./sayer.js").createSayer>} sayer
 * @param {AbortSignal} signal
 */
export function createFrameButtons(word, model, sayer, signal) {
  const go = el("button", { type: "button" });
  const move = el("button", { type: "button", title: word("moveHereTitle") }, word("moveHere"));
  const element = el("span", { class: "choices", hidden: true }, go, move);

  go.addEventListener("click", () => model.setPosition(model.editPosition), { signal });
  move.addEventListener("click", () => {
    model.moveEditFrameHere();
    sayer.say("movedHere", { frame: model.frame });
  }, { signal });

  return {
    element,
    update() {
      element.hidden = !model.clip || model.onEditFrame || isEmpty(model.settled);
      go.hidden = model.editPosition < 0;
      move.hidden = !model.canEdit;
      setText(go, word("goThere", { frame: model.settled.frame }));
    },
  };
}
