// Edits: (instruction, ...) -> instruction. All points in source px.
//
// A reference names one point: {kind, index}. Kinds: "handle" and "target" (of pair `index`), "mask", "pin",
// "on" and "off" (clicks of the object), "stroke" and "box" of it,
// "correction" (index into corrections) and "track" (the tracked handle of pair `index` on the frame that is shown;
// not in the instruction until it is dragged, which makes it a correction).

import { kept, NO_HINTS } from "./object_hints.js";

/** @typedef {{kind: string, index: number}} Ref */

const LISTS = { mask: "mask_points", pin: "pinned_points" };

/** Lists of the object, by the kind of their members. */
const OF_OBJECT = { on: "on", off: "off", stroke: "strokes" };

/** The key of the list that holds the points of a kind "mask" or "pin". */
export function listOf(kind) {
  return LISTS[kind];
}

/** Whether two references (or nulls) name the same point. */
export function sameRef(a, b) {
  return a === b || Boolean(a && b && a.kind === b.kind && a.index === b.index);
}

/** With one pair more. */
export function withPair(instruction, handle, target) {
  return { ...instruction, pairs: [...instruction.pairs, { handle, target }] };
}

/** With one mask point or pin more. */
export function withPoint(instruction, kind, at) {
  const key = LISTS[kind];
  return { ...instruction, [key]: [...instruction[key], at] };
}

/** With another value of some of the object's keys. */
export function withObject(instruction, change) {
  return { ...instruction, object: kept({ ...NO_HINTS, ...instruction.object, ...change }) };
}

/** With one click on the object more (`kind` "on") or beside it ("off"), or one stroke. */
export function withShown(instruction, kind, value) {
  const key = OF_OBJECT[kind];
  return withObject(instruction, { [key]: [...(instruction.object?.[key] ?? []), value] });
}

/** With the named point at `at`; `frame` (file) is that of a tracked handle, whose correction it becomes. */
export function withMoved(instruction, ref, at, frame) {
  if (ref.kind === "track") return withCorrection(instruction, ref.index, frame, at);
  const replaced = (items, make) => items.map((item, i) => (i === ref.index ? make(item) : item));
  if (ref.kind === "correction") {
    return { ...instruction, corrections: replaced(instruction.corrections, (c) => ({ ...c, handle: at })) };
  }
  if (ref.kind in OF_OBJECT) {
    const key = OF_OBJECT[ref.kind];
    return withObject(instruction, { [key]: replaced(instruction.object[key], () => at) });
  }
  if (ref.kind in LISTS) {
    const key = LISTS[ref.kind];
    return { ...instruction, [key]: replaced(instruction[key], () => at) };
  }
  return { ...instruction, pairs: replaced(instruction.pairs, (pair) => ({ ...pair, [ref.kind]: at })) };
}

/** With the handle of a pair known to be at `at` on a frame of the file. */
export function withCorrection(instruction, pair, frame, at) {
  const others = instruction.corrections.filter((c) => c.pair !== pair || c.frame !== frame);
  const corrections = [...others, { pair, frame, handle: at }].sort((a, b) => a.frame - b.frame || a.pair - b.pair);
  return { ...instruction, corrections };
}

/** Without the named point; a pair goes as a whole, with its corrections. */
export function without(instruction, ref) {
  const others = (items) => items.filter((_, i) => i !== ref.index);
  if (ref.kind === "correction") return { ...instruction, corrections: others(instruction.corrections) };
  if (ref.kind in LISTS) return { ...instruction, [LISTS[ref.kind]]: others(instruction[LISTS[ref.kind]]) };
  if (ref.kind === "box") return withObject(instruction, { box: null });
  if (ref.kind in OF_OBJECT) {
    const key = OF_OBJECT[ref.kind];
    return withObject(instruction, { [key]: others(instruction.object[key]) });
  }
  if (ref.kind === "track") return instruction;
  const corrections = instruction.corrections
    .filter((c) => c.pair !== ref.index)
    .map((c) => (c.pair > ref.index ? { ...c, pair: c.pair - 1 } : c));
  return { ...instruction, pairs: others(instruction.pairs), corrections };
}

/** Without any point. */
export function cleared(instruction) {
  return { ...instruction, pairs: [], mask_points: [], pinned_points: [], corrections: [], object: null };
}

/** With all points set on another frame of the file, where a correction has no sense any more. */
export function onFrame(instruction, frame) {
  return { ...instruction, frame, corrections: instruction.corrections.filter((c) => c.frame !== frame) };
}

/** Where the named point is, or null: source px. Tracked handles are not in the instruction. */
export function positionOf(instruction, ref) {
  if (!ref) return null;
  if (ref.kind === "correction") return instruction.corrections[ref.index]?.handle ?? null;
  if (ref.kind in LISTS) return instruction[LISTS[ref.kind]][ref.index] ?? null;
  if (ref.kind === "stroke" || ref.kind === "box") return null; // no single place
  if (ref.kind in OF_OBJECT) return instruction.object?.[ref.kind][ref.index] ?? null;
  return instruction.pairs[ref.index]?.[ref.kind] ?? null;
}
