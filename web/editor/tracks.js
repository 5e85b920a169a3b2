// What Point-Set Propagation found: sets, targets, pins and masks on every frame. Source px throughout.

import { parseInstruction, writeInstruction } from "./instruction.js";

/**
 * @typedef {{size: [number, number], indices: number[], handles: number[][][][], targets: number[][][][],
 *   visible: number[][][], pinned: number[][][], masks: string[], madeFrom: string}} Tracks
 *   handles and targets [N][P][S][2], visible [N][P][S] (0/1), pinned [N][Q][2], masks N base64 PNGs
 */

const VERSION = 1;

/**
 * Checked tracks, or null where they are of a form that is not known (a newer version's file).
 *
 * @param {unknown} value decoded JSON
 * @returns {Tracks | null}
 */
export function readTracks(value) {
  if (!value || value.version !== VERSION || !Array.isArray(value.indices)) return null;
  const lists = ["handles", "targets", "visible"];
  if (!lists.every((key) => Array.isArray(value[key]) && value[key].length === value.indices.length)) return null;
  if (!Array.isArray(value.size)) return null;
  return { pinned: [], masks: [], ...value, madeFrom: rewritten(value.instruction) };
}

/** Place in the tracks of a frame of the file, or -1. */
export function trackPosition(tracks, frame) {
  return tracks ? tracks.indices.indexOf(frame) : -1;
}

/** Where each pair's handle is on a frame of the file: the middle of its set, [] where the frame was not tracked. */
export function trackedHandles(tracks, frame) {
  const position = trackPosition(tracks, frame);
  return position < 0 ? [] : tracks.handles[position].map(middle);
}

/** The middle point of a set [S][2], which is where the person clicked. */
export function middle(set) {
  return set[Math.floor(set.length / 2)] ?? null;
}

/** Whether the tracks were made from this very instruction and size. */
export function areCurrent(tracks, instruction) {
  return tracks.madeFrom === writeInstruction(instruction);
}

function rewritten(text) {
  try {
    return writeInstruction(parseInstruction(text));
  } catch {
    return "";
  }
}
