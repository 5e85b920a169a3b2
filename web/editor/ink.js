// How things look over a picture: every shape has a dark rim and a bright core, so that it is seen on any picture.

export const INK = {
  handle: "#ff4d4d",
  target: "#4c9dff",
  pin: "#35d07f",
  mask: "#c793ff",
  on: "#3fd6e0",
  off: "#ff9f6b",
  shaft: "#ffffff",
  selected: "#ffd54a",
  doomed: "#ff9f0a",
  rim: "rgba(0, 0, 0, 0.78)",
  label: "rgba(18, 18, 22, 0.86)",
  paper: "#ffffff",
};

const FONT = "600 11px system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif";

/** Strokes the context's current path: a dark rim, then the core of `width` css px. */
export function strokeRimmed(context, colour, width, rim = 1.5) {
  context.lineCap = "round";
  context.lineJoin = "round";
  context.strokeStyle = INK.rim;
  context.lineWidth = width + 2 * rim;
  context.stroke();
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.stroke();
}

/** A ring with an open middle, in which the picture stays visible, and a dot on the point itself. */
export function ring(context, [x, y], colour, radius, width) {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  strokeRimmed(context, colour, width, 1.25);
  spot(context, [x, y], colour);
}

/** The very place of a point, inside its shape. */
export function spot(context, [x, y], colour) {
  context.beginPath();
  context.arc(x, y, 2.2, 0, 2 * Math.PI);
  context.fillStyle = INK.rim;
  context.fill();
  context.beginPath();
  context.arc(x, y, 1.4, 0, 2 * Math.PI);
  context.fillStyle = colour;
  context.fill();
}

/** A diamond with a dot on the point. */
export function diamond(context, [x, y], colour, radius, width) {
  context.beginPath();
  context.moveTo(x, y - radius);
  context.lineTo(x + radius, y);
  context.lineTo(x, y + radius);
  context.lineTo(x - radius, y);
  context.closePath();
  strokeRimmed(context, colour, width, 1.25);
  spot(context, [x, y], colour);
}

/** A thin circle round a point that is selected or under the pointer. */
export function halo(context, [x, y], radius, colour = INK.selected) {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  strokeRimmed(context, colour, 1.5, 1);
}

/** A thin line. */
export function line(context, from, to, colour) {
  context.beginPath();
  context.moveTo(from[0], from[1]);
  context.lineTo(to[0], to[1]);
  strokeRimmed(context, colour, 1.5, 1);
}

/** A plus sign through a point, open in the middle. */
export function crosshair(context, [x, y], colour, radius, width) {
  const gap = 3;
  context.beginPath();
  for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
    context.moveTo(x + gap * dx, y + gap * dy);
    context.lineTo(x + radius * dx, y + radius * dy);
  }
  strokeRimmed(context, colour, width);
}

/**
 * An arrow whose tip is exactly at `to`; it leaves out `gap` css px at its beginning.
 *
 * @param {{shaft: string, head: string, width: number, gap: number, dashed?: boolean}} style
 */
export function arrow(context, from, to, { shaft, head, width, gap, dashed = false }) {
  const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
  const length = Math.hypot(dx, dy);
  if (length < 0.5) return;
  const [ux, uy] = [dx / length, dy / length];
  const size = Math.min(13, Math.max(6, length * 0.6));
  const start = Math.min(gap, length / 2);
  if (length > start + size * 0.7) {
    context.beginPath();
    context.moveTo(from[0] + ux * start, from[1] + uy * start);
    context.lineTo(to[0] - ux * size * 0.75, to[1] - uy * size * 0.75);
    if (dashed) context.setLineDash([5, 5]);
    strokeRimmed(context, shaft, width);
    context.setLineDash([]);
  }
  context.beginPath();
  context.moveTo(to[0], to[1]);
  for (const side of [1, -1]) {
    context.lineTo(to[0] - ux * size + side * uy * size * 0.46, to[1] - uy * size - side * ux * size * 0.46);
  }
  context.closePath();
  strokeRimmed(context, INK.paper, 1, 1.25);
  context.fillStyle = head;
  context.fill();
}

/** A number on a dark pill, its middle `away` css px from a point in the direction (ux, uy). */
export function label(context, text, [x, y], [ux, uy], away, colour = INK.paper) {
  context.font = FONT;
  const width = Math.max(16, context.measureText(text).width + 9);
  const [cx, cy] = [x + ux * (away + (width / 2 - 8) * Math.abs(ux)), y + uy * away];
  context.beginPath();
  context.roundRect(cx - width / 2, cy - 8, width, 16, 8);
  context.fillStyle = INK.label;
  context.fill();
  context.fillStyle = colour;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(text, cx, cy + 0.5);
}
