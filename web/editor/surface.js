// Two canvases, the picture below and the points above, so that dragging a point does not scale the picture again.
// Both are drawn in one animation frame, and only when something has changed.

import { el } from "./dom.js";

const SHARPEST = 3;

/**
 * @param {{picture(context, size): void, points(context, size): void, resized(): void}} painter
 *   draws in css px; `size` is [width, height] of the canvas in css px
 */
export function createSurface(painter) {
  const below = el("canvas", { class: "picture", "aria-hidden": "true" });
  const above = el("canvas", { class: "points", tabindex: "0" });
  const element = el("div", { class: "surface" }, below, above);
  const contexts = { picture: below.getContext("2d"), points: above.getContext("2d") };
  const dirty = { picture: true, points: true };
  let size = [0, 0];
  let ratio = 1;
  let request = 0;

  function measure() {
    const now = [element.clientWidth, element.clientHeight];
    const sharper = now[0] ? sharpness(element) : ratio;
    const changed = now[0] !== size[0] || now[1] !== size[1];
    if (!changed && sharper === ratio) return;
    [size, ratio] = [now, sharper];
    for (const canvas of [below, above]) {
      canvas.width = Math.max(1, Math.round(size[0] * ratio));
      canvas.height = Math.max(1, Math.round(size[1] * ratio));
    }
    if (changed) painter.resized();
    dirty.picture = true;
    dirty.points = true;
  }

  function draw() {
    request = 0;
    if (!element.isConnected) return;
    measure();
    if (!size[0] || !size[1]) return;
    for (const layer of ["picture", "points"]) {
      if (!dirty[layer]) continue;
      dirty[layer] = false;
      const context = contexts[layer];
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      context.clearRect(0, 0, size[0], size[1]);
      painter[layer](context, size, ratio);
    }
  }

  function schedule(layers) {
    for (const layer of layers) dirty[layer] = true;
    if (!request) request = requestAnimationFrame(draw);
  }

  const observer = new ResizeObserver(() => schedule([]));
  observer.observe(element);

  return {
    element,
    canvas: above,
    /** [width, height] in css px at the last drawing. */
    get size() {
      return size;
    },
    /** Draws the points again, and the picture too where it is another one. */
    redraw(withPicture = true) {
      schedule(withPicture ? ["picture", "points"] : ["points"]);
    },
    /** Css px of the canvas of a pointer event, whatever transforms the ancestors have. */
    pointOf(event) {
      const box = above.getBoundingClientRect();
      return [
        (event.clientX - box.left) * (above.clientWidth / (box.width || 1)),
        (event.clientY - box.top) * (above.clientHeight / (box.height || 1)),
      ];
    },
    /** How many screen px a css px of the canvas takes: the zoom of a transformed ancestor. */
    get zoom() {
      return zoomOf(above);
    },
    destroy() {
      observer.disconnect();
      cancelAnimationFrame(request);
      for (const canvas of [below, above]) [canvas.width, canvas.height] = [0, 0]; // frees memory at once
    },
  };
}

function zoomOf(element) {
  return element.clientWidth ? element.getBoundingClientRect().width / element.clientWidth || 1 : 1;
}

/** Canvas px a css px, in halves, so that a zooming graph does not mean a new canvas at every step. */
function sharpness(element) {
  const wanted = window.devicePixelRatio * Math.max(1, zoomOf(element));
  return Math.min(Math.max(Math.ceil(wanted * 2 - 0.1) / 2, 1), SHARPEST);
}
