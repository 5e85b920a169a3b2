// Draws the instruction's own points: pairs, mask points, pins, and what is about to be set.

import { sameRef } from "./edits.js";
import { arrow, crosshair, diamond, halo, INK, label, ring, spot, strokeRimmed } from "./ink.js";
import { paintObject } from "./paint_object.js";
import { toCanvas } from "./view.js";

/**
 * Everything that is set on the frame that is shown.
 *
 * @param {CanvasRenderingContext2D} context in css px
 * @param {ReturnType<import("./model.js").createModel>} model
 * @param {import("./view.js").View} view
 */
export function paintPoints(context, model, view) {
  const place = (point) => toCanvas(view, point);
  const { instruction } = model;
  const look = (ref) => ({
    hover: sameRef(ref, model.hover),
    selected: sameRef(ref, model.selection),
    doomed: model.tool === "erase" && sameRef(ref, model.hover),
  });
  const masking = instruction.mask_points.length || model.tool === "mask";
  if (masking && !model.tracksAreCurrent) paintRegion(context, model, view); // else the true mask is shown
  paintObject(context, instruction.object, view, look);
  instruction.mask_points.forEach((at, index) => {
    paintMark(context, place(at), { ...look({ kind: "mask", index }), kind: "mask", index });
  });
  instruction.pairs.forEach((pair, index) => {
    paintPair(context, place(pair.handle), place(pair.target), index, {
      handle: look({ kind: "handle", index }),
      target: look({ kind: "target", index }),
      waiting: Boolean(model.pending) && !model.selection && index === model.settled.pairs.length,
    });
  });
  instruction.pinned_points.forEach((at, index) => {
    paintMark(context, place(at), { ...look({ kind: "pin", index }), kind: "pin", index });
  });
  if (model.pending && !model.draft) {
    paintPair(context, place(model.pending), place(model.pending), instruction.pairs.length, {});
  }
}

/** Where the keyboard would set a point. */
export function paintCursor(context, model, view) {
  if (model.cursor) crosshair(context, toCanvas(view, model.cursor), INK.selected, 12, 1.5);
}

function paintPair(context, handle, target, index, { handle: h = {}, target: t = {}, waiting = false }) {
  const active = h.hover || t.hover || h.selected || t.selected;
  const doomed = h.doomed || t.doomed;
  const shaft = doomed ? INK.doomed : h.selected || t.selected ? INK.selected : INK.shaft;
  ring(context, handle, doomed ? INK.doomed : INK.handle, h.hover || h.selected ? 7 : 6, 2);
  arrow(context, handle, target, {
    shaft, head: doomed ? INK.doomed : INK.target, width: active ? 2.5 : 2, gap: 8, dashed: waiting,
  });
  if (h.selected) halo(context, handle, 11);
  if (t.selected) halo(context, target, 9);
  else if (t.hover) halo(context, target, 9, doomed ? INK.doomed : INK.paper);
  const length = Math.hypot(target[0] - handle[0], target[1] - handle[1]);
  const away = length > 1 ? [(handle[0] - target[0]) / length, (handle[1] - target[1]) / length] : [-0.7, -0.7];
  label(context, String(index + 1), handle, away, h.selected ? 22 : 18);
}

function paintMark(context, at, { kind, index, hover, selected, doomed }) {
  const colour = doomed ? INK.doomed : INK[kind];
  if (kind === "pin") diamond(context, at, colour, hover || selected ? 8 : 7, 2);
  else square(context, at, colour, hover || selected ? 6 : 5);
  if (selected) halo(context, at, 12);
  if (hover || selected) label(context, `${kind === "pin" ? "P" : "M"}${index + 1}`, at, [0, -1], 22);
}

function square(context, [x, y], colour, half) {
  context.beginPath();
  context.rect(x - half, y - half, 2 * half, 2 * half);
  strokeRimmed(context, colour, 2, 1.25);
  spot(context, [x, y], colour);
}

/**
 * The region that may change, as the propagation node makes it: squares of half side r round the mask points and
 * discs of radius r (without mask points 2 r) along the arrows.
 */
function paintRegion(context, model, view) {
  const { mask_points: points, pairs } = model.instruction;
  const r = model.maskRadius * view.scale;
  if (!r) return;
  const squares = points.map((at) => toCanvas(view, at));
  context.save();
  const region = new Path2D();
  for (const [x, y] of squares) region.rect(x - r, y - r, 2 * r, 2 * r);
  const wide = points.length ? r : 2 * r;
  for (const pair of pairs) capsule(region, toCanvas(view, pair.handle), toCanvas(view, pair.target), wide);
  context.fillStyle = INK.mask;
  context.globalAlpha = 0.2;
  context.fill(region);
  context.globalAlpha = 1;
  context.setLineDash([4, 4]);
  context.beginPath();
  for (const [x, y] of squares) context.rect(x - r, y - r, 2 * r, 2 * r);
  strokeRimmed(context, INK.mask, 1, 0.75);
  context.restore();
}

function capsule(path, from, to, radius) {
  const angle = Math.atan2(to[1] - from[1], to[0] - from[0]);
  const quarter = Math.PI / 2;
  const side = [from[0] + radius * Math.cos(angle + quarter), from[1] + radius * Math.sin(angle + quarter)];
  path.moveTo(side[0], side[1]);
  path.arc(from[0], from[1], radius, angle + quarter, angle + 3 * quarter);
  path.arc(to[0], to[1], radius, angle - quarter, angle + quarter);
  path.closePath();
}
