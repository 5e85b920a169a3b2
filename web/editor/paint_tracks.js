// Draws what propagation found on a frame: the mask as a tint, set points and targets as dots, corrections.

import { sameRef } from "./edits.js";
import { crosshair, diamond, halo, INK, label, line, ring, strokeRimmed } from "./ink.js";
import { middle, trackPosition } from "./tracks.js";
import { sameSize } from "./instruction.js";
import { toCanvas } from "./view.js";

const MADE_BEFORE = 0.45;
const FAR_SCALE = 0.7;

/**
 * The tracked sets, targets, pins and the mask of the frame that is shown.
 *
 * @param {CanvasRenderingContext2D} context in css px
 * @param {ReturnType<import("./model.js").createModel>} model
 * @param {import("./view.js").View} view
 * @param {{get(position: number): HTMLCanvasElement | null}} masks tinted masks by position in the tracks
 */
export function paintTracks(context, model, view, masks) {
  const { tracks } = model;
  const n = trackPosition(tracks, model.frame);
  if (n < 0 || !sameSize(tracks.size, model.size)) return;
  const onEditFrame = model.onEditFrame;
  context.save();
  context.globalAlpha = model.tracksAreCurrent ? 1 : MADE_BEFORE;
  const mask = masks.get(n);
  const [left, top] = toCanvas(view, [-0.5, -0.5]);
  if (mask) context.drawImage(mask, left, top, model.size[0] * view.scale, model.size[1] * view.scale);
  if (!onEditFrame) paintWays(context, tracks, n, view);
  paintDots(context, tracks.targets[n], tracks.visible[n], view, INK.target);
  paintDots(context, tracks.handles[n], tracks.visible[n], view, INK.handle);
  if (!onEditFrame) {
    for (const pin of tracks.pinned[n] ?? []) diamond(context, toCanvas(view, pin), INK.pin, 6, 1.5);
  }
  context.restore();
}

/** Tracked handles that can be dragged, and corrections, on a frame other than that of the points. */
export function paintCorrections(context, model, view) {
  for (const { ref, at, pair } of model.touchables) {
    const place = toCanvas(view, at);
    const selected = sameRef(ref, model.selection);
    const hover = sameRef(ref, model.hover);
    const colour = model.tool === "erase" && hover && ref.kind === "correction" ? INK.doomed : INK.handle;
    if (ref.kind === "correction") {
      const tracked = model.tracked[pair];
      if (tracked) line(context, toCanvas(view, tracked), place, INK.selected);
      crosshair(context, place, INK.selected, 15, 1.5);
    }
    context.globalAlpha = ref.kind === "correction" || hover || selected ? 1 : 0.8;
    ring(context, place, colour, hover || selected ? 7 : 6, 2);
    if (selected) halo(context, place, 11);
    label(context, String(pair + 1), place, [-0.7, -0.7], selected ? 22 : 18);
    context.globalAlpha = 1;
  }
}

function paintWays(context, tracks, n, view) {
  context.beginPath();
  tracks.handles[n].forEach((set, pair) => {
    const [from, to] = [middle(set), middle(tracks.targets[n][pair] ?? [])];
    if (!from || !to) return;
    context.moveTo(...toCanvas(view, from));
    context.lineTo(...toCanvas(view, to));
  });
  context.setLineDash([3, 5]);
  strokeRimmed(context, INK.shaft, 1, 0.75);
  context.setLineDash([]);
}

/** Full dots where a set point was seen, hollow ones where it was hidden; one path each, there may be hundreds. */
function paintDots(context, sets, visible, view, colour) {
  const radius = view.scale < FAR_SCALE ? 1.3 : 2;
  for (const seen of [true, false]) {
    context.beginPath();
    sets.forEach((set, pair) => set.forEach((point, s) => {
      if (Boolean(visible[pair]?.[s]) !== seen) return;
      const [x, y] = toCanvas(view, point);
      context.moveTo(x + radius, y);
      context.arc(x, y, radius, 0, 2 * Math.PI);
    }));
    strokeRimmed(context, colour, seen ? 0.5 : 1, 0.75);
    if (seen) {
      context.fillStyle = colour;
      context.fill();
    }
  }
}
