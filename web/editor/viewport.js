// The view of the picture on the canvas: fitted until the person zooms or pans.

import { broughtIn, fitView, panned, toCanvas, zoomAt } from "./view.js";

/**
 * @param {ReturnType<import("./model.js").createModel>} model
 * @param {() => [number, number]} canvasSize css px
 * @param {() => void} redraw picture and points
 */
export function createViewport(model, canvasSize, redraw) {
  let view = { scale: 1, left: 0, top: 0 };
  let fitted = true;
  let drawn = { size: "", shown: "" };

  /** Takes over what `make` makes of the view, if there is a picture on a canvas. */
  const change = (make) => {
    if (!model.size || !canvasSize()[0]) return;
    view = make(model.size, canvasSize());
    fitted = view.scale <= fitView(model.size, canvasSize()).scale;
    redraw();
  };

  const viewport = {
    get view() {
      return view;
    },
    fit() {
      fitted = true;
      viewport.resized();
      redraw();
    },
    /** The canvas or the picture has another size: a fitted view stays fitted, another keeps some of it in sight. */
    resized() {
      if (!model.size || !canvasSize()[0]) return;
      view = fitted ? fitView(model.size, canvasSize()) : panned(view, 0, 0, model.size, canvasSize());
    },
    zoom(factor, at) {
      change((size, canvas) => zoomAt(view, factor, at, size, canvas));
    },
    pan(dx, dy) {
      if (!fitted) change((size, canvas) => panned(view, dx, dy, size, canvas));
    },
    /** Pans as far as it takes to see a source point. */
    bringIn(at) {
      if (!fitted) change((size, canvas) => broughtIn(view, toCanvas(view, at), canvas));
    },
    /** Whether the picture has to be drawn again since this was last asked; one of another size is fitted. */
    pictureChanged() {
      const now = { size: String(model.size), shown: `${model.clip?.key} ${model.position} ${model.shown} ${model.wipe}` };
      const changed = now.size !== drawn.size || now.shown !== drawn.shown;
      if (now.size !== drawn.size) {
        fitted = true;
        viewport.resized();
      }
      drawn = now;
      return changed;
    },
  };
  return viewport;
}
