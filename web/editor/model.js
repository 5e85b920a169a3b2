// The editor's state and what can be done to it. Knows no DOM: positions are source px, frames are numbers.

import { cleared, onFrame, positionOf, sameRef, without, withMoved } from "./edits.js";
import { pushed, redone, startHistory, undone } from "./history.js";
import { pointsOf, pointsOnOtherFrame } from "./hits.js";
import {
  clipPosition, EMPTY, isEmpty, parseInstruction, sameSize, scaledTo, writeInstruction,
} from "./instruction.js";
import { resultActions } from "./results.js";
import { areCurrent, trackedHandles } from "./tracks.js";
import { clampToFrame } from "./view.js";

export const TOOLS = ["pair", "mask", "pin", "erase", "object"];

/**
 * A model without clip and points.
 *
 * @param {(text: string) => void} change called once for every finished edit
 * @param {() => void} refresh called after anything that is seen has changed
 */
export function createModel(change, refresh) {
  let history = startHistory(EMPTY);
  let written = null;
  let atFirst = true;

  const model = {
    tool: "pair",
    selection: null,
    hover: null,
    /** Instruction during a drag, before it counts. */
    draft: null,
    /** A handle that waits for its target, source px, or null. */
    pending: null,
    /** Where the keyboard would set a point, source px, or null. */
    cursor: null,
    /** Where a finger drags a point, css px of the canvas, or null. */
    finger: null,
    clip: null,
    message: "",
    position: 0,
    tracks: null,
    /** Why frames cannot be shown, by position in the clip. */
    failures: new Map(),
    /** Rises when a gesture that is going on has lost its ground. */
    epoch: 0,
    readOnly: "",
    /** The edited clip of the last run, or null. */
    result: null,
    /** What is seen of the two: "source", "result", or "wipe", the one left and the other right of `wipe`. */
    shown: "source",
    wipe: 0.5,
    /** How the last run of these very points went: {level, lines}, or null. */
    verdict: null,
    /** Why the last run of these points was refused, "" if it was not. */
    refusal: "",
    /** What is wrong with the text that came from outside, "" if nothing. */
    error: "",
    wrongText: "",
    /** Half side of a mask point's patch, source px; 0 where it is not known. */
    maskRadius: 0,

    /** [width, height] of the picture in px, or null. */
    get size() {
      return model.clip ? [model.clip.width, model.clip.height] : history.present.size;
    },
    /** The instruction in px of the present clip, without a drag in progress. */
    get settled() {
      return model.size ? scaledTo(history.present, model.size) : history.present;
    },
    /** The instruction as it is drawn. */
    get instruction() {
      return model.draft ?? model.settled;
    },
    get text() {
      return writeInstruction(model.settled);
    },
    /** The size for which the points were made, where it is another one than the clip's, else null. */
    get scaledFrom() {
      const from = history.present.size;
      return model.clip && from && !isEmpty(history.present) && !sameSize(from, model.size) ? from : null;
    },
    /** Number in the file of the frame that is shown. */
    get frame() {
      return model.clip ? model.clip.indices[model.position] : model.settled.frame;
    },
    /** Position in the clip of the frame on which the points are set; -1: the clip does not hold it. */
    get editPosition() {
      return model.clip ? clipPosition(model.settled.frame, model.clip.indices) : 0;
    },
    /** Whether points can be set on the frame that is shown; without any, on every frame. */
    get onEditFrame() {
      return !model.clip || model.position === model.editPosition || (isEmpty(model.settled) && !model.pending);
    },
    /** Whether points can be set at all; and whether on what is shown now. */
    get editable() {
      return !model.readOnly && Boolean(model.size);
    },
    get canEdit() {
      return model.editable && model.shown === "source";
    },
    /** Whether there is a result of the very frames that are shown. */
    get canCompare() {
      const { clip, result } = model;
      return Boolean(clip && result && sameSize([clip.width, clip.height], [result.width, result.height])
        && String(clip.indices) === String(result.indices));
    },
    get canUndo() {
      return history.past.length > 0;
    },
    get canRedo() {
      return history.future.length > 0;
    },
    get tracksAreCurrent() {
      return Boolean(model.tracks) && areCurrent(model.tracks, model.settled);
    },
    /** Tracked handles on the frame that is shown, source px of the clip; [] where there are none. */
    get tracked() {
      return model.tracks && !isEmpty(model.settled) && sameSize(model.tracks.size, model.size) ? trackedHandles(model.tracks, model.frame) : [];
    },
    /** The points that can be touched on the frame that is shown. */
    get touchables() {
      return model.onEditFrame
        ? pointsOf(model.instruction) : pointsOnOtherFrame(model.instruction, model.frame, model.tracked);
    },
    /** Source px of a touchable point, or null. */
    positionOf(ref) {
      return ref?.kind === "track" ? model.tracked[ref.index] ?? null : positionOf(model.instruction, ref);
    },

    /** The widget's text changed from outside. An invalid one leaves the last good state. */
    setText(text) {
      if (text === written) return;
      written = text;
      forgetGesture();
      try {
        const read = parseInstruction(text);
        if (atFirst) history = startHistory(read);
        else if (writeInstruction(read) !== writeInstruction(history.present)) {
          history = pushed(history, read);
          [model.verdict, model.refusal] = [null, ""];
        }
        [model.error, model.wrongText] = ["", ""];
        atFirst = false;
        model.showEditFrame();
      } catch (error) {
        [model.error, model.wrongText] = [error.message, text];
      }
      refresh();
    },
    setClip(clip, message) {
      const same = Boolean(clip && model.clip && clip.key === model.clip.key);
      if (!same) {
        forgetGesture();
        model.failures = new Map();
      }
      [model.clip, model.message] = [clip, message ?? ""];
      if (!same) model.showEditFrame();
      if (!model.canCompare) model.shown = "source";
      model.position = clip ? Math.min(model.position, clip.indices.length - 1) : 0;
      refresh();
      return !same;
    },
    showEditFrame() {
      if (model.clip) model.position = isEmpty(history.present) ? model.position : Math.max(0, model.editPosition);
    },
    setPosition(position) {
      const last = model.clip ? model.clip.indices.length - 1 : 0;
      const wanted = Math.min(Math.max(Math.round(position), 0), last);
      if (wanted === model.position) return;
      forgetGesture();
      [model.position, model.selection, model.hover] = [wanted, null, null];
      refresh();
    },
    ...resultActions(() => model, forgetGesture, refresh),
    setTool(tool) {
      model.tool = tool;
      model.shown = "source";
      forgetGesture();
      refresh();
    },
    select(ref) {
      if (sameRef(ref, model.selection)) return;
      model.selection = ref;
      refresh();
    },
    setHover(ref) {
      if (sameRef(ref, model.hover)) return;
      model.hover = ref;
      refresh();
    },

    /** Shows an instruction that does not count yet. */
    preview(instruction) {
      model.draft = instruction;
      refresh();
    },
    /** Makes an instruction count: one step of the history, one call of `change`. */
    commit(instruction) {
      model.draft = null;
      model.epoch += 1;
      const before = model.settled;
      const frame = isEmpty(before) && !isEmpty(instruction) ? model.frame : instruction.frame;
      const next = { ...instruction, size: model.size, frame };
      if (writeInstruction(next) !== writeInstruction(before)) record(pushed(history, next));
      refresh();
    },
    /** Why nothing can be edited, "" where it can. What came from elsewhere meanwhile is nothing to undo. */
    setReadOnly(reason) {
      if (Boolean(reason) !== Boolean(model.readOnly)) [history, atFirst] = [startHistory(history.present), true];
      model.readOnly = reason;
      model.cancel();
    },
    /** Takes a whole instruction, of its own size if it names one, as an edit. */
    replace(instruction) {
      if (model.readOnly) return;
      forgetGesture();
      const next = { ...instruction, size: instruction.size ?? model.size };
      if (model.error || writeInstruction(next) !== writeInstruction(history.present)) record(pushed(history, next));
      model.showEditFrame();
      refresh();
    },
    undo() {
      step(undone(history));
    },
    redo() {
      step(redone(history));
    },
    clear() {
      if (!model.canEdit) return;
      model.pending = null;
      model.commit(cleared(model.settled));
    },
    remove(ref) {
      if (!model.canEdit || !ref) return;
      model.commit(without(model.settled, ref));
      [model.selection, model.hover] = [null, null];
      refresh();
    },
    /** Moves the selected point by (dx, dy) source px; `going` on, it does not count until it is committed. */
    nudge(dx, dy, going = false) {
      const at = model.positionOf(model.selection);
      if (!at || !model.canEdit) return;
      const moved = clampToFrame([at[0] + dx, at[1] + dy], model.size);
      const next = withMoved(model.instruction, model.selection, moved, model.frame);
      if (going) return model.preview(next);
      model.commit(next);
      if (model.selection.kind === "track") model.select(model.correctionOf(model.selection.index));
    },
    /** The correction of a pair on the frame that is shown, as a reference, or null. */
    correctionOf(pair) {
      const index = model.settled.corrections.findIndex((c) => c.pair === pair && c.frame === model.frame);
      return index < 0 ? null : { kind: "correction", index };
    },
    /** All points are set on the frame that is shown from now on. */
    moveEditFrameHere() {
      if (model.canEdit && model.clip) model.commit(onFrame(model.settled, model.frame));
    },
    cancel() {
      forgetGesture();
      refresh();
    },
  };

  function forgetGesture() {
    model.epoch += 1;
    [model.draft, model.pending] = [null, null];
    if (!atFirst && !model.positionOf(model.selection)) model.selection = null;
  }

  function record(next) {
    history = next;
    [model.error, model.wrongText, model.verdict, model.refusal] = ["", "", null, ""];
    atFirst = false;
    written = model.text;
    change(written);
  }

  function step(next) {
    if (next === history || !model.canEdit) return;
    forgetGesture();
    [model.selection, model.hover] = [null, null];
    record(next);
    refresh();
  }

  return model;
}
