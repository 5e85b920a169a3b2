// Draws the editor's two canvases.

import { INK, line } from "./ink.js";
import { isEmpty } from "./instruction.js";
import { paintLoupe } from "./paint_loupe.js";
import { paintCursor, paintPoints } from "./paint_points.js";
import { paintCorrections, paintTracks } from "./paint_tracks.js";

const SEE_PIXELS_FROM = 6;
const SQUARE = 8;

/**
 * @param {ReturnType<import("./model.js").createModel>} model
 * @param {ReturnType<import("./viewport.js").createViewport>} viewport
 * @param {ReturnType<import("./frames.js").createFrames>} frames
 * @param {ReturnType<import("./frames.js").createFrames>} results the edited clip's
 * @param {ReturnType<import("./masks.js").createMasks>} masks
 * @param {(busy: boolean) => void} loading told whether the picture is still on its way
 */
export function createPainter(model, viewport, frames, results, masks, loading) {
  let last = null;
  let below = null;

  function paintPicture(context, ratio) {
    if (!model.size) {
      loading(false);
      return;
    }
    const { scale, left, top } = viewport.view;
    const [width, height] = [model.size[0] * scale, model.size[1] * scale];
    const picture = model.clip ? frames.get(model.position) : null;
    const failed = model.failures.has(model.position);
    loading(Boolean(model.clip) && !picture && !failed);
    if (picture) last = { key: model.clip.key, position: model.position };
    // While a frame loads, the one before stays, as players do, rather than a flash of nothing.
    const shown = picture ?? (last && !failed && last.key === model.clip?.key && frames.has(last.position)
      ? frames.get(last.position) : null);
    const edited = model.shown === "source" ? null : results.get(model.position);
    if (!shown && !edited) return paintBlank(context, left, top, width, height);
    const own = (shown ?? edited).width / model.size[0];
    context.imageSmoothingEnabled = scale * ratio < SEE_PIXELS_FROM * own || own < 1;
    context.imageSmoothingQuality = "high";
    if (shown) context.drawImage(shown, left, top, width, height);
    if (!edited) return;
    const from = model.shown === "wipe" ? left + model.wipe * width : left;
    context.save();
    context.beginPath();
    context.rect(from, top, left + width - from, height);
    context.clip();
    context.drawImage(edited, left, top, width, height);
    context.restore();
  }

  return {
    resized: () => viewport.resized(),
    picture(context, canvas, ratio) {
      below = context.canvas;
      paintPicture(context, ratio);
    },
    points(context, canvas, ratio) {
      if (!model.size) return;
      const { view } = viewport;
      if (model.shown === "wipe") {
        const x = view.left + model.wipe * model.size[0] * view.scale;
        line(context, [x, view.top], [x, view.top + model.size[1] * view.scale], INK.paper);
      }
      if (model.shown !== "source") return;
      if (model.tracks && !isEmpty(model.settled)) paintTracks(context, model, view, masks);
      if (model.onEditFrame || isEmpty(model.instruction)) paintPoints(context, model, view);
      else paintCorrections(context, model, view);
      paintCursor(context, model, view);
      if (model.finger && model.draft && below) paintLoupe(context, below, model.finger, canvas, ratio);
    },
  };
}

/** A quiet chequered field where there is no picture yet. */
function paintBlank(context, left, top, width, height) {
  context.save();
  context.beginPath();
  context.rect(left, top, width, height);
  context.clip();
  context.fillStyle = "rgba(128, 128, 128, 0.14)";
  context.fillRect(left, top, width, height);
  context.beginPath();
  const [rows, columns] = [Math.min(200, height / SQUARE), Math.min(400, width / SQUARE)];
  for (let y = 0; y < rows; y += 1) {
    for (let x = y % 2; x < columns; x += 2) context.rect(left + x * SQUARE, top + y * SQUARE, SQUARE, SQUARE);
  }
  context.fillStyle = "rgba(128, 128, 128, 0.12)";
  context.fill();
  context.restore();
}
