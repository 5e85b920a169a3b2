// The large view: the editor's panel in a modal dialog at the end of the page, and back in its node when that closes.

import { el } from "./dom.js";

/**
 * @param {HTMLElement} panel what is shown large
 * @param {ShadowRoot} home where it belongs
 * @param {{word(key: string): string, sheet: CSSStyleSheet, changed(): void, keysFrom?: (element: HTMLElement) => void}}
 *   needs
 */
export function createLarge(panel, home, { word, sheet, changed, keysFrom }) {
  const placeholder = el("div", { class: "away" }, word("inLargeView"));
  let dialog = null;
  let outside = null;

  function open() {
    dialog = el("dialog", { "aria-label": word("editor") });
    // A root of its own: the page's styles stay out of the dialog, and the editor's out of the page.
    outside = el("div", { class: "dragavideo-editor-large" });
    keysFrom?.(outside);
    const root = outside.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [sheet];
    root.append(dialog);
    home.append(placeholder);
    dialog.append(panel);
    dialog.addEventListener("close", close);
    outside.addEventListener("keydown", keepFromGraph);
    document.body.append(outside);
    dialog.showModal();
    changed();
  }

  function close() {
    if (!dialog) return;
    dialog.removeEventListener("close", close);
    outside.removeEventListener("keydown", keepFromGraph);
    placeholder.remove();
    home.append(panel);
    outside.remove();
    [dialog, outside] = [null, null];
    changed();
  }

  return {
    get open() {
      return dialog !== null;
    },
    toggle() {
      if (dialog) close();
      else open();
    },
    close,
  };
}

/** Escape closes the dialog; without this it would reach the graph too. */
function keepFromGraph(event) {
  event.stopPropagation();
}
