// The row of buttons above the picture.

import { el } from "./dom.js";
import { icon } from "./icons.js";
import { TOOLS } from "./model.js";

/**
 * @param {(key: string) => string} word
 * @param {Record<string, () => void>} actions undo, redo, clear, fit, large, text and one for each tool
 * @param {AbortSignal} signal ends all listeners
 */
export function createToolbar(word, actions, signal) {
  const buttons = {};
  const groups = [TOOLS, ["undo", "redo", "clear"], ["fit", "text", "large"]];
  const element = el("div", { class: "toolbar", role: "toolbar", "aria-label": word("tools") });
  for (const names of groups) {
    const group = el("div", { class: "group" });
    for (const name of names) {
      buttons[name] = iconButton(name, word(name), actions[name], signal);
      group.append(buttons[name]);
    }
    element.append(group);
  }
  let large = false;

  return {
    element,
    buttons,
    /** @param {ReturnType<import("./model.js").createModel>} model */
    update(model, state) {
      for (const tool of TOOLS) {
        buttons[tool].setAttribute("aria-pressed", String(model.tool === tool));
        buttons[tool].disabled = !model.editable;
      }
      buttons.undo.disabled = !model.canUndo || !model.canEdit;
      buttons.redo.disabled = !model.canRedo || !model.canEdit;
      buttons.clear.disabled = !model.canEdit || !model.touchables.length;
      buttons.fit.disabled = !model.size;
      buttons.text.setAttribute("aria-pressed", String(state.text));
      if (state.large !== large) {
        large = state.large;
        setIcon(buttons.large, large ? "close" : "large", word(large ? "close" : "large"));
      }
    },
  };
}

/** A button that shows an icon and says its name. */
export function iconButton(name, title, action, signal) {
  const button = el("button", { type: "button", class: "icon", "data-name": name }, icon(name));
  setIcon(button, name, title);
  button.addEventListener("click", () => {
    action();
    // Its focus would go to the page, and with it the next key: Delete would take the node away.
    if (button.disabled) button.closest(".panel")?.focus({ preventScroll: true });
  }, { signal });
  return button;
}

/** Gives a button another icon and name. */
export function setIcon(button, name, title) {
  button.replaceChildren(icon(name));
  button.title = title;
  button.setAttribute("aria-label", title);
}
