// Keys: on the canvas (points, cursor, view) and anywhere in the editor (undo, tools).

import { TOOLS } from "./model.js";

const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/**
 * @param {HTMLElement} panel everything of the editor
 * @param {HTMLCanvasElement} canvas
 * @param {object} editor {model, timeline, cancelGesture(), nudge(dx, dy), place(), next(step), fit(), large(), text(),
 *   panned(): whether the picture was panned since space went down}
 * @param {AbortSignal} signal
 */
export function listenToKeys(panel, canvas, editor, signal) {
  const { model } = editor;
  let space = false;
  let pannedWithSpace = false;

  panel.addEventListener("keydown", (event) => {
    const target = event.composedPath()[0];
    const writing = target.localName === "textarea";
    canvas.classList.add("keys");
    const handled = !writing && (anywhere(event) || (target === canvas && onCanvas(event)));
    if (handled) event.preventDefault();
    // The graph has shortcuts of its own on plain keys; those with Ctrl, such as Ctrl+Enter, go on to it.
    const plain = !event.ctrlKey && !event.metaKey && event.key !== "Escape";
    if (handled || writing || plain) event.stopPropagation();
  }, { signal });

  panel.addEventListener("keyup", (event) => {
    if (event.key in STEPS) editor.nudged();
    if (event.key !== " " || !space) return;
    space = false;
    canvas.classList.remove("grab");
    if (!pannedWithSpace) editor.timeline.toggle();
    event.stopPropagation();
  }, { signal });

  canvas.addEventListener("blur", () => {
    space = false;
    canvas.classList.remove("grab");
    editor.blurred();
  }, { signal });

  function anywhere(event) {
    const key = event.key.toLowerCase();
    if (event.ctrlKey || event.metaKey) {
      if (event.altKey || !["z", "y"].includes(key)) return false;
      editor.history(key === "y" || event.shiftKey ? "redo" : "undo");
      return true;
    }
    if (event.altKey) return false;
    if (key === "escape") return editor.cancelGesture();
    if (key === "delete" || key === "backspace") return done(() => model.remove(model.selection));
    if (key === " " && event.composedPath()[0].localName === "input") return done(editor.timeline.toggle);
    if (key >= "1" && key <= String(TOOLS.length)) return done(() => model.editable && model.setTool(TOOLS[key - 1]));
    const action = { f: editor.fit, l: editor.large, j: editor.text, r: editor.compare }[key];
    return action ? done(action) : false;
  }

  function onCanvas(event) {
    const { key, shiftKey } = event;
    if (event.ctrlKey || event.metaKey || event.altKey) return false;
    if (key in STEPS) {
      const length = shiftKey ? 10 : 1;
      return done(() => editor.nudge(STEPS[key][0] * length, STEPS[key][1] * length, event.repeat));
    }
    if (key === "Tab") return editor.next(shiftKey ? -1 : 1);
    if (key === "Enter") return done(editor.place);
    if (key === "," || key === ".") return done(() => model.setPosition(model.position + (key === "," ? -1 : 1)));
    if (key === "Home") return done(() => model.setPosition(0));
    if (key === "End") return done(() => model.setPosition(Infinity));
    if (key === "+" || key === "=") return done(() => editor.zoomStep(1.25));
    if (key === "-") return done(() => editor.zoomStep(0.8));
    if (key === " ") return done(holdSpace);
    return false;
  }

  function holdSpace() {
    if (space) return;
    [space, pannedWithSpace] = [true, false];
    canvas.classList.add("grab");
  }

  return {
    /** Whether space is held; a press with it pans and is then not a wish to play. */
    spaceHeld() {
      pannedWithSpace = space;
      return space;
    },
  };
}

function done(action) {
  action();
  return true;
}
