// What the keys do that is more than one call of the model.

import { SHOWN } from "./compare.js";
import { sameRef, withPair, withPoint } from "./edits.js";
import { SHORTEST_DRAG_PX } from "./instruction.js";
import { clampToFrame, toSource } from "./view.js";

/** The actions that keyboard.js calls; the parts are those of index.js. */
export function createKeyActions({ model, gestures, pointers, viewport, timeline, sayer, surface, large, text }) {
  function showCursor() {
    const [width, height] = surface.size;
    model.cursor ??= clampToFrame(toSource(viewport.view, [width / 2, height / 2]).map(Math.round), model.size);
  }

  /** Whether an arrow key is held that moves a point, which is one edit with what it was pressed for. */
  let held = false;

  function nudge(dx, dy, again) {
    if (!model.size) return;
    if (model.selection) {
      held = again;
      model.nudge(dx, dy, again);
    } else {
      showCursor();
      model.cursor = clampToFrame([model.cursor[0] + dx, model.cursor[1] + dy], model.size);
      if (model.pending) model.draft = withPair(model.settled, model.pending, model.cursor);
    }
    const at = model.positionOf(model.selection) ?? model.cursor;
    if (at) viewport.bringIn(at);
    sayer.announce(model);
  }

  function nudged() {
    if (held && model.draft && model.selection) model.commit(model.draft);
    held = false;
  }

  /** Sets a point at the cursor: a handle first, then its target. */
  function place() {
    if (!model.canEdit) return;
    if (!model.onEditFrame) return sayer.say("otherFrame", { frame: model.settled.frame });
    model.selection = null;
    showCursor();
    const at = model.cursor;
    if (model.tool === "mask" || model.tool === "pin") return model.commit(withPoint(model.settled, model.tool, at));
    if (model.tool === "erase") return undefined;
    if (!model.pending) {
      model.pending = at;
      return sayer.say("nowTarget");
    }
    const handle = model.pending;
    if (Math.hypot(at[0] - handle[0], at[1] - handle[1]) < SHORTEST_DRAG_PX) return undefined;
    model.pending = null;
    return model.commit(withPair(model.settled, handle, at));
  }

  /** Selects the next point. False after the last: Tab goes on to the next control. */
  function next(step) {
    const points = model.touchables;
    const now = points.findIndex(({ ref }) => sameRef(ref, model.selection));
    const wanted = now < 0 ? (step > 0 ? 0 : points.length - 1) : now + step;
    model.cursor = null;
    model.select(points[wanted]?.ref ?? null);
    if (!points[wanted]) return false;
    viewport.bringIn(points[wanted].at);
    sayer.announce(model);
    return true;
  }

  /** Ends what is going on, innermost first. False: there was nothing. */
  function cancelGesture() {
    if (gestures.active || model.pending) pointers.cancel();
    else if (model.selection || model.cursor) [model.selection, model.cursor] = [null, null];
    else return false;
    model.cancel();
    return true;
  }

  return {
    model,
    timeline,
    text,
    nudge,
    nudged,
    place,
    next,
    cancelGesture,
    history: (way) => model[way](),
    fit: () => viewport.fit(),
    compare: () => model.show(SHOWN[(SHOWN.indexOf(model.shown) + 1) % SHOWN.length]),
    large: () => large.toggle(),
    zoomStep: (factor) => viewport.zoom(factor, surface.size.map((length) => length / 2)),
    blurred() {
      nudged();
      if (!model.cursor) return;
      model.cursor = null;
      surface.redraw(false);
    },
  };
}
