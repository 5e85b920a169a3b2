// Draws what is shown of the object: strokes and box below, clicks on and off it above.

import { halo, INK, spot, strokeRimmed } from "./ink.js";
import { toCanvas } from "./view.js";

const STROKE_ALPHA = 0.4;

/**
 * @param {CanvasRenderingContext2D} context in css px
 * @param {import("./object_hints.js").ObjectHints | null} object
 * @param {import("./view.js").View} view
 * @param {(ref: object) => {hover: boolean, selected: boolean, doomed: boolean}} look how a point is to look
 */
export function paintObject(context, object, view, look) {
  if (!object) return;
  object.strokes.forEach((stroke, index) => paintStroke(context, stroke, view, look({ kind: "stroke", index })));
  if (object.box) paintBox(context, object.box, view, look({ kind: "box", index: 0 }));
  for (const kind of ["on", "off"]) {
    object[kind].forEach((at, index) => paintClick(context, toCanvas(view, at), kind, look({ kind, index })));
  }
}

function paintStroke(context, { points, radius, on }, view, { doomed }) {
  context.save();
  context.beginPath();
  points.map((point) => toCanvas(view, point)).forEach(([x, y], i) => (
    i ? context.lineTo(x, y) : context.moveTo(x, y)
  ));
  if (points.length === 1) context.lineTo(...toCanvas(view, points[0])); // a dot
  context.lineCap = "round";
  context.lineJoin = "round";
  context.globalAlpha = STROKE_ALPHA;
  context.lineWidth = 2 * radius * view.scale;
  context.strokeStyle = doomed ? INK.doomed : on ? INK.on : INK.off;
  context.stroke();
  context.restore();
}

function paintBox(context, [x0, y0, x1, y1], view, { doomed }) {
  const [left, top] = toCanvas(view, [x0, y0]);
  const [right, bottom] = toCanvas(view, [x1, y1]);
  context.save();
  context.setLineDash([6, 4]);
  context.beginPath();
  context.rect(left, top, right - left, bottom - top);
  strokeRimmed(context, doomed ? INK.doomed : INK.on, 1.5, 1);
  context.restore();
}

/** A plus in a circle on the object, a minus in one beside it. */
function paintClick(context, [x, y], kind, { hover, selected, doomed }) {
  const colour = doomed ? INK.doomed : INK[kind];
  context.beginPath();
  context.arc(x, y, hover || selected ? 8 : 7, 0, 2 * Math.PI);
  strokeRimmed(context, colour, 1.75, 1.25);
  context.beginPath();
  context.moveTo(x - 4, y);
  context.lineTo(x + 4, y);
  if (kind === "on") {
    context.moveTo(x, y - 4);
    context.lineTo(x, y + 4);
  }
  strokeRimmed(context, colour, 1.75, 1);
  spot(context, [x, y], colour);
  if (selected) halo(context, [x, y], 12);
}
