// Which points can be touched on the frame that is shown, and which one is under the pointer.

/** @typedef {{ref: import("./edits.js").Ref, at: [number, number]}} Touchable `at` in source px */

/** The points of an instruction on its own frame, in the order in which Tab visits them. */
export function pointsOf(instruction) {
  return [
    ...instruction.pairs.flatMap((pair, index) => [
      { ref: { kind: "handle", index }, at: pair.handle },
      { ref: { kind: "target", index }, at: pair.target },
    ]),
    ...instruction.mask_points.map((at, index) => ({ ref: { kind: "mask", index }, at })),
    ...instruction.pinned_points.map((at, index) => ({ ref: { kind: "pin", index }, at })),
    ...(instruction.object?.on ?? []).map((at, index) => ({ ref: { kind: "on", index }, at })),
    ...(instruction.object?.off ?? []).map((at, index) => ({ ref: { kind: "off", index }, at })),
  ];
}

/** The stroke or box of the object that passes within `reach` source px of a point, or null; the last stroke first. */
export function shownAt(object, at, reach) {
  if (!object) return null;
  const near = ({ points, radius }) => points.some((p, i) => (
    distanceToSegment(at, p, points[i + 1] ?? p) <= Math.max(radius, reach)
  ));
  const index = object.strokes.findLastIndex(near);
  if (index >= 0) return { kind: "stroke", index };
  if (!object.box) return null;
  const [x0, y0, x1, y1] = object.box;
  const corners = [[x0, y0], [x1, y0], [x1, y1], [x0, y1]];
  const onEdge = corners.some((corner, i) => distanceToSegment(at, corner, corners[(i + 1) % 4]) <= reach);
  return onEdge ? { kind: "box", index: 0 } : null;
}

/**
 * Tracked handles and corrections on a frame of the file; a correction hides the handle that it corrects.
 *
 * @param {import("./instruction.js").Instruction} instruction
 * @param {number} frame number in the file
 * @param {Array<[number, number] | null>} tracked centre of each pair's tracked handles, source px
 * @returns {Touchable[]}
 */
export function pointsOnOtherFrame(instruction, frame, tracked) {
  const corrected = instruction.corrections.flatMap((c, index) => (
    c.frame === frame ? [{ ref: { kind: "correction", index }, at: c.handle, pair: c.pair }] : []
  ));
  const followed = instruction.pairs.flatMap((_, index) => (
    tracked[index] && !corrected.some((c) => c.pair === index)
      ? [{ ref: { kind: "track", index }, at: tracked[index], pair: index }] : []
  ));
  return [...corrected, ...followed].sort((a, b) => a.pair - b.pair);
}

/**
 * The nearest point within `reach`, the selected one before equals.
 *
 * @param {Touchable[]} points
 * @param {[number, number]} at source px
 * @param {number} reach source px
 * @param {(ref: import("./edits.js").Ref) => boolean} isSelected
 * @returns {Touchable | null}
 */
export function nearest(points, at, reach, isSelected = () => false) {
  let best = null;
  let least = reach;
  for (const point of points) {
    const distance = Math.hypot(point.at[0] - at[0], point.at[1] - at[1]);
    if (distance < least || (distance <= least && isSelected(point.ref))) {
      best = point;
      least = distance;
    }
  }
  return best;
}

/** The pair whose arrow passes within `reach` source px of a point, as a reference to its handle, or null. */
export function arrowAt(pairs, at, reach) {
  const index = pairs.findIndex(({ handle, target }) => distanceToSegment(at, handle, target) <= reach);
  return index < 0 ? null : { kind: "handle", index };
}

function distanceToSegment([x, y], [x0, y0], [x1, y1]) {
  const [dx, dy] = [x1 - x0, y1 - y0];
  const length = dx * dx + dy * dy;
  const share = length ? Math.min(1, Math.max(0, ((x - x0) * dx + (y - y0) * dy) / length)) : 0;
  return Math.hypot(x - x0 - share * dx, y - y0 - share * dy);
}
