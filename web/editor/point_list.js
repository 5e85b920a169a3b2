// The points as a list that is not seen, for screen readers.

import { el } from "./dom.js";
import { describe } from "./status.js";

/** @param {(key: string, values?: object) => string} word */
export function createPointList(word) {
  const items = el("ul", { "aria-label": word("points") });
  const element = el("div", { class: "hidden" }, items);
  let written = "";

  return {
    element,
    /** @param {ReturnType<import("./model.js").createModel>} model */
    update(model) {
      if (model.draft) return; // said when the drag is done
      const lines = model.touchables.map(({ ref }) => describe(model, ref, word));
      const text = lines.join("\n");
      if (text === written) return;
      written = text;
      items.replaceChildren(...(lines.length ? lines : [word("noPoints")]).map((line) => el("li", {}, line)));
    },
  };
}
