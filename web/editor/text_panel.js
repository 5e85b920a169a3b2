// The instruction as text, to read, paste and mend. Only a valid one is taken over.

import { el, setText } from "./dom.js";
import { parseInstruction, writeForPeople } from "./instruction.js";

/**
 * @param {(key: string, values?: object) => string} word
 * @param {{apply(instruction: object): void, close(): void}} actions
 * @param {AbortSignal} signal
 */
export function createTextPanel(word, actions, signal) {
  const area = el("textarea", { spellcheck: "false", autocomplete: "off", "aria-label": word("textLabel") });
  const problem = el("div", { class: "problem", role: "alert" });
  const cancel = el("button", { type: "button" }, word("cancel"));
  const apply = el("button", { type: "button", class: "main" }, word("apply"));
  const element = el("div", { class: "text", hidden: true },
    area, problem, el("div", { class: "row" }, cancel, apply));

  function read() {
    try {
      const instruction = parseInstruction(area.value);
      setText(problem, "");
      return instruction;
    } catch (error) {
      setText(problem, error.message);
      return null;
    }
  }

  function finish() {
    const instruction = read();
    if (!instruction) return;
    if (!area.readOnly) actions.apply(instruction);
    actions.close();
  }

  area.addEventListener("input", read, { signal });
  apply.addEventListener("click", finish, { signal });
  cancel.addEventListener("click", () => actions.close(), { signal });
  area.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) finish();
    else if (event.key === "Escape") actions.close();
    else return;
    event.preventDefault();
  }, { signal });
  for (const type of ["copy", "cut", "paste"]) {
    area.addEventListener(type, (event) => event.stopPropagation(), { signal }); // the graph would paste nodes
  }

  return {
    element,
    get open() {
      return !element.hidden;
    },
    /** @param {ReturnType<import("./model.js").createModel>} model */
    show(model) {
      area.value = model.wrongText || writeForPeople(model.settled);
      area.readOnly = Boolean(model.readOnly);
      apply.disabled = area.readOnly;
      element.hidden = false;
      read();
      area.focus({ preventScroll: true });
    },
    hide() {
      element.hidden = true;
    },
  };
}
