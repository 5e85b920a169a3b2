// Mouse, pen and touch on the canvas: editing gestures, panning, pinching, wheel.

import { toSource } from "./view.js";

const REACH = { mouse: 12, pen: 14, touch: 22 };
const WHEEL = 0.0016;
const LINE_PX = 32;

/**
 * @param {HTMLCanvasElement} canvas
 * @param {object} editor {gestures, surface, view(), zoom(factor, at), pan(dx, dy), spaceHeld(), begun(), left(),
 *   touched(point)}; points in css px of the canvas
 * @param {AbortSignal} signal
 */
export function listenToPointers(canvas, editor, signal) {
  const { gestures, surface } = editor;
  const down = new Map();
  let panning = false;
  let editing = null;
  /** Whether the press that goes on is of the second button. */
  let second = false;

  const on = (type, listener, options = {}) => canvas.addEventListener(type, listener, { signal, ...options });

  function touchOf(event) {
    const screen = surface.pointOf(event);
    const reach = (REACH[event.pointerType] ?? REACH.mouse) / Math.min(1, surface.zoom);
    const view = editor.view();
    editor.touched(event.pointerType === "touch" && event.type !== "pointerup" ? screen : null);
    return { at: toSource(view, screen), screen, reach: reach / view.scale, anew: event.shiftKey, other: event.altKey || second };
  }

  on("pointerdown", (event) => {
    event.preventDefault(); // no text selection, no mouse events after a touch
    canvas.classList.remove("keys"); // no focus ring for the mouse
    canvas.focus({ preventScroll: true });
    editor.begun();
    second = event.button === 2 && editor.takesSecond();
    if ((event.button > 1 && !second) || (event.button < 0 && event.pointerType === "mouse")) return;
    canvas.setPointerCapture(event.pointerId);
    down.set(event.pointerId, surface.pointOf(event));
    if (down.size > 1) return beginPinch();
    panning = event.button === 1 || editor.spaceHeld();
    if (!panning && gestures.down(touchOf(event))) editing = event.pointerId;
    else panning = true;
    return updateCursor();
  });

  on("pointermove", (event) => {
    const point = surface.pointOf(event);
    const last = down.get(event.pointerId);
    if (!last) return event.pointerType === "touch" ? undefined : gestures.hover(touchOf(event));
    if (down.size > 1) return pinch(event.pointerId, last, point);
    down.set(event.pointerId, point);
    if (panning) return editor.pan(point[0] - last[0], point[1] - last[1]);
    return event.pointerId === editing ? gestures.move(touchOf(event)) : undefined;
  });

  on("pointerup", (event) => end(event, () => {
    gestures.up(touchOf(event));
    if (event.pointerType !== "touch") gestures.hover(touchOf(event));
  }));
  on("pointercancel", (event) => end(event, () => gestures.cancel()));
  on("lostpointercapture", (event) => end(event, () => gestures.cancel()));
  on("pointerenter", () => surface.redraw(false)); // sharper, if the graph has been zoomed
  on("pointerleave", () => editor.left());
  on("contextmenu", (event) => {
    if (editor.takesSecond()) event.stopPropagation();
    if (event.pointerType === "touch" || gestures.active || editor.takesSecond()) event.preventDefault();
  });
  on("wheel", (event) => {
    event.preventDefault();
    event.stopPropagation();
    const lines = event.deltaMode === 1 ? LINE_PX : 1;
    const pinched = event.ctrlKey ? 6 : 1; // a trackpad's pinch comes in small steps
    const steps = Math.min(Math.max(event.deltaY * lines * pinched, -400), 400);
    editor.zoom(Math.exp(-steps * WHEEL), surface.pointOf(event));
  }, { passive: false });

  function beginPinch() {
    if (editing !== null) gestures.interrupt();
    [editing, panning] = [null, true];
  }

  /** One of two fingers moved: the picture follows their middle and their distance. */
  function pinch(id, last, point) {
    const [otherId] = [...down.keys()].filter((key) => key !== id);
    const other = down.get(otherId);
    const spread = (p) => Math.max(10, Math.hypot(p[0] - other[0], p[1] - other[1]));
    down.set(id, point);
    editor.zoom(spread(point) / spread(last), [(last[0] + other[0]) / 2, (last[1] + other[1]) / 2]);
    editor.pan((point[0] - last[0]) / 2, (point[1] - last[1]) / 2);
  }

  function end(event, finish) {
    if (!down.delete(event.pointerId)) return;
    if (event.pointerId === editing) {
      editing = null;
      finish();
    }
    if (!down.size) panning = false;
    updateCursor();
  }

  function updateCursor() {
    canvas.classList.toggle("panning", panning);
  }

  return {
    /** Ends a drag in progress as if it had never begun; the pointer may still be down. */
    cancel() {
      editing = null;
      gestures.cancel();
    },
  };
}
