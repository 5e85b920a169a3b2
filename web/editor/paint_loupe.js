// A loupe beside the finger, which hides what it points at.

import { crosshair, INK, strokeRimmed } from "./ink.js";

const RADIUS = 46;
const AWAY = 84;
const TIMES = 2.5;

/**
 * The picture round a place, enlarged, in a circle above it; beside it where there is no room above.
 *
 * @param {CanvasRenderingContext2D} context in css px
 * @param {HTMLCanvasElement} picture what lies below, `ratio` px a css px
 * @param {[number, number]} at css px
 * @param {[number, number]} size of the canvas, css px
 * @param {number} ratio
 */
export function paintLoupe(context, picture, [x, y], size, ratio) {
  const above = y - AWAY - RADIUS > 0;
  const cx = above ? Math.min(Math.max(x, RADIUS), size[0] - RADIUS) : x + (x < size[0] / 2 ? AWAY : -AWAY);
  const cy = above ? y - AWAY : Math.max(y, RADIUS);
  const reach = RADIUS / TIMES;
  context.save();
  context.beginPath();
  context.arc(cx, cy, RADIUS, 0, 2 * Math.PI);
  context.clip();
  context.fillStyle = "#222";
  context.fillRect(cx - RADIUS, cy - RADIUS, 2 * RADIUS, 2 * RADIUS);
  context.drawImage(
    picture, (x - reach) * ratio, (y - reach) * ratio, 2 * reach * ratio, 2 * reach * ratio,
    cx - RADIUS, cy - RADIUS, 2 * RADIUS, 2 * RADIUS,
  );
  context.restore();
  context.beginPath();
  context.arc(cx, cy, RADIUS, 0, 2 * Math.PI);
  strokeRimmed(context, INK.paper, 2);
  crosshair(context, [cx, cy], INK.paper, 11, 1.5);
}
