// What pressing, dragging and releasing mean, whatever device does it. Knows no DOM.
//
// `at` is in source px. `screen` is in css px of the canvas and tells a click from a drag.

import { arrowAt, nearest, shownAt } from "./hits.js";
import { sameRef, withMoved, without, withObject, withPair, withPoint, withShown } from "./edits.js";
import { SHORTEST_DRAG_PX } from "./instruction.js";
import { clampToFrame, inFrame } from "./view.js";

const CLICK_CSS_PX = 3;
const BRUSH = 0.7;
/** Radius of the brush, as a share of what a click reaches: finer where the view is zoomed in. */

/**
 * @typedef {{at: [number, number], screen: [number, number], reach: number, anew: boolean, other: boolean}} Touch
 *   `reach` source px within which a point is hit; `anew`: set a point even on top of another; `other`: with the other
 *   button of the mouse, or Alt
 *
 * @param {ReturnType<import("./model.js").createModel>} model
 * @param {(word: string) => void} say a key of words.js for the status line
 */
export function createGestures(model, say) {
  let drag = null;
  let epoch = 0;
  /** The handle that waited for its target when the gesture began. */
  let waited = null;

  // A text from outside, an undo or another frame in the middle of a drag ends it.
  const alive = () => drag !== null && epoch === model.epoch;
  const hitAt = (touch) => nearest(model.touchables, touch.at, touch.reach, (ref) => sameRef(ref, model.selection));
  const clamped = (at) => clampToFrame(at, model.size);

  function erasableAt(touch) {
    const hit = hitAt(touch)?.ref;
    if (hit) return hit;
    if (!model.onEditFrame) return null;
    const { pairs, object } = model.instruction;
    return arrowAt(pairs, touch.at, touch.reach / 2) ?? shownAt(object, touch.at, touch.reach / 2);
  }

  /** Begins a gesture. False: nothing there to do; the press may pan instead. */
  function down(touch) {
    if (model.shown === "wipe") {
      [drag, epoch] = [{ move: wipe, up: wipe }, model.epoch];
      return true;
    }
    if (!model.canEdit) return false;
    [model.cursor, model.hover] = [null, null];
    waited = model.pending;
    if (touch.other && model.tool !== "object") return leave();
    const hit = touch.anew || touch.other || model.pending ? null : hitAt(touch);
    if (model.tool === "erase") drag = beginErasing(touch);
    else if (hit) drag = beginMoving(hit, touch);
    else if (!inFrame(touch.at, model.size, touch.reach)) return leave();
    else if (!model.onEditFrame) return refuseOtherFrame();
    else if (model.tool === "object") drag = touch.anew ? beginBox(touch) : beginShowing(touch);
    else drag = model.tool === "pair" ? beginPair(touch) : beginPoint(touch);
    epoch = model.epoch;
    return true;
  }

  function wipe({ at }) {
    model.setWipe((at[0] + 0.5) / model.size[0]);
  }

  function leave() {
    model.select(null);
    return false;
  }

  function refuseOtherFrame() {
    model.select(null);
    say("otherFrame");
    return false;
  }

  function beginErasing(touch) {
    const before = model.settled;
    const erase = (next) => {
      const ref = erasableAt(next);
      if (ref && ref.kind !== "track") model.preview(without(model.instruction, ref));
    };
    erase(touch);
    return { move: erase, up: () => model.commit(model.draft ?? before) };
  }

  function beginMoving(hit, touch) {
    model.select(hit.ref);
    const [dx, dy] = [hit.at[0] - touch.at[0], hit.at[1] - touch.at[1]];
    const before = model.settled;
    let moved = false;
    return {
      move(next) {
        moved = moved || isFar(touch, next);
        if (!moved) return;
        const at = clamped([next.at[0] + dx, next.at[1] + dy]);
        model.preview(withMoved(before, hit.ref, at, model.frame));
        if (hit.ref.kind === "track") model.selection = null;
      },
      up() {
        if (!moved) return placeBeside(hit.ref, touch);
        model.commit(model.draft);
        return hit.ref.kind === "track" && model.select(model.correctionOf(hit.ref.index));
      },
    };
  }

  /** A click of the mask or pin tool near a point of another kind, such as the handle that a mask is to cover. */
  function placeBeside(ref, touch) {
    const placing = (model.tool === "mask" || model.tool === "pin") && ref.kind !== model.tool && model.onEditFrame;
    if (!placing) return;
    const { move, up } = beginPoint(touch);
    move(touch);
    up();
  }

  function beginPair(touch) {
    const waiting = model.pending;
    const handle = waiting ?? clamped(touch.at);
    const before = model.settled;
    const start = touch;
    let moved = false;
    const show = (next) => model.preview(withPair(before, handle, clamped(next.at)));
    show(touch);
    model.select({ kind: "target", index: before.pairs.length });
    return {
      move(next) {
        moved = moved || isFar(start, next);
        if (moved || waiting) show(next); // the first jitter of a click is none
      },
      up(next) {
        const target = clamped(next.at);
        const long = Math.hypot(target[0] - handle[0], target[1] - handle[1]) >= SHORTEST_DRAG_PX;
        const clickedHandle = waiting && !moved && isNear(handle, next);
        if (!long || (!moved && !waiting) || clickedHandle) return wait(handle);
        model.pending = null;
        model.commit(withPair(before, handle, target));
        return model.select({ kind: "target", index: before.pairs.length });
      },
    };
  }

  /** A click shows that the object is there, or is not; a swipe paints it, or erases. */
  function beginShowing(touch) {
    const before = model.settled;
    const on = !touch.other;
    const radius = touch.reach * BRUSH;
    let points = [clamped(touch.at)];
    let moved = false;
    return {
      move(next) {
        moved = moved || isFar(touch, next);
        const [x, y] = points.at(-1);
        if (!moved || Math.hypot(next.at[0] - x, next.at[1] - y) < radius / 3) return;
        points = [...points, clamped(next.at)];
        model.preview(withShown(before, "stroke", { points, radius, on }));
      },
      up() {
        model.commit(model.draft ?? withShown(before, on ? "on" : "off", points[0]));
      },
    };
  }

  /** A box that the object does not leave, in place of the one before. */
  function beginBox(touch) {
    const before = model.settled;
    const [x0, y0] = clamped(touch.at);
    return {
      move(next) {
        const [x1, y1] = clamped(next.at);
        if (x0 === x1 || y0 === y1) return;
        const box = [Math.min(x0, x1), Math.min(y0, y1), Math.max(x0, x1), Math.max(y0, y1)];
        model.preview(withObject(before, { box }));
      },
      up: () => (model.draft ? model.commit(model.draft) : undefined),
    };
  }

  function wait(handle) {
    [model.pending, model.selection] = [handle, null];
    say("nowTarget");
    model.preview(null);
  }

  function isNear(handle, touch) {
    return Math.hypot(handle[0] - touch.at[0], handle[1] - touch.at[1]) < touch.reach / 2;
  }

  function beginPoint(touch) {
    const before = model.settled;
    const kind = model.tool;
    const show = (next) => model.preview(withPoint(before, kind, clamped(next.at)));
    const index = before[kind === "mask" ? "mask_points" : "pinned_points"].length;
    show(touch);
    model.select({ kind, index });
    return { move: show, up: () => model.commit(model.draft) };
  }

  return {
    get active() {
      return alive();
    },
    down,
    move(touch) {
      if (alive()) drag.move(touch);
    },
    up(touch) {
      const ended = alive() ? drag : null;
      drag = null;
      ended?.up(touch);
    },
    /** Ends a gesture as if it had never begun. */
    cancel() {
      drag = null;
      model.cancel();
    },
    /** The same, but a handle that waited before goes on waiting: two fingers zoom in to where its target lies. */
    interrupt() {
      drag = null;
      model.cancel();
      model.pending = waited;
    },
    /** The pointer is over this place with nothing pressed. */
    hover(touch) {
      if (model.shown === "wipe") return wipe(touch);
      if (model.shown !== "source") return undefined;
      if (model.pending) return model.preview(withPair(model.settled, model.pending, clamped(touch.at)));
      return model.setHover(model.tool === "erase" ? erasableAt(touch) : hitAt(touch)?.ref ?? null);
    },
  };
}

const isFar = (start, now) => (
  Math.hypot(now.screen[0] - start.screen[0], now.screen[1] - start.screen[1]) >= CLICK_CSS_PX
);
