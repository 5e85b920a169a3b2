// Where the picture lies on the canvas: a scale and an offset, all in css px of the untransformed canvas.
//
// Source px (x, y) with integers at pixel centres lie at (left + (x + 0.5) * scale, top + (y + 0.5) * scale).

/** @typedef {{scale: number, left: number, top: number}} View css px a source px; css px of the picture's corner */

const MARGIN = 6;
const LARGEST_SCALE = 40;
const KEPT_IN_SIGHT = 48;

/**
 * The whole picture in the middle of the canvas.
 *
 * @param {[number, number]} size of the picture, source px
 * @param {[number, number]} canvas css px
 * @returns {View}
 */
export function fitView(size, canvas) {
  const scale = Math.max(1e-3, Math.min((canvas[0] - 2 * MARGIN) / size[0], (canvas[1] - 2 * MARGIN) / size[1]));
  return { scale, left: (canvas[0] - size[0] * scale) / 2, top: (canvas[1] - size[1] * scale) / 2 };
}

/** The view zoomed by `factor` about a canvas point, which stays where it is. From the fit up to 40 css px a px. */
export function zoomAt(view, factor, at, size, canvas) {
  const smallest = fitView(size, canvas).scale;
  const scale = Math.min(Math.max(view.scale * factor, smallest), Math.max(LARGEST_SCALE, smallest));
  if (scale <= smallest * 1.001) return fitView(size, canvas);
  const grown = scale / view.scale;
  return keptInSight({
    scale, left: at[0] - (at[0] - view.left) * grown, top: at[1] - (at[1] - view.top) * grown,
  }, size, canvas);
}

/** The view moved by (dx, dy) css px, with some of the picture left in sight. */
export function panned(view, dx, dy, size, canvas) {
  return keptInSight({ ...view, left: view.left + dx, top: view.top + dy }, size, canvas);
}

/** The view moved so far that a canvas point, css px, lies at least `margin` inside the canvas. */
export function broughtIn(view, [x, y], canvas, margin = 24) {
  const push = (v, length) => Math.max(0, margin - v) - Math.max(0, v - (length - margin));
  return { ...view, left: view.left + push(x, canvas[0]), top: view.top + push(y, canvas[1]) };
}

/** Canvas point (css px) of a source point. */
export function toCanvas(view, [x, y]) {
  return [view.left + (x + 0.5) * view.scale, view.top + (y + 0.5) * view.scale];
}

/** Source point of a canvas point (css px). */
export function toSource(view, [x, y]) {
  return [(x - view.left) / view.scale - 0.5, (y - view.top) / view.scale - 0.5];
}

/** The nearest point within the frame, which reaches from -0.5 to width - 0.5, to 0.01 px. */
export function clampToFrame([x, y], [width, height]) {
  const clamp = (v, length) => Math.round(Math.min(Math.max(v, -0.5), length - 0.5) * 100) / 100;
  return [clamp(x, width), clamp(y, height)];
}

/** Whether a source point lies in the frame, give or take `margin` source px. */
export function inFrame([x, y], [width, height], margin = 0) {
  return x >= -0.5 - margin && y >= -0.5 - margin && x <= width - 0.5 + margin && y <= height - 0.5 + margin;
}

function keptInSight(view, size, canvas) {
  const clamp = (v, length, room) => Math.min(Math.max(v, KEPT_IN_SIGHT - length), room - KEPT_IN_SIGHT);
  return {
    scale: view.scale,
    left: clamp(view.left, size[0] * view.scale, canvas[0]),
    top: clamp(view.top, size[1] * view.scale, canvas[1]),
  };
}
