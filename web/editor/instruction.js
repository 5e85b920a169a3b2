// The drag instruction: parsed, validated, scaled and written as dragavideo_core/instruction does it.
//
// Points are [x, y] in px of the source clip (integers are pixel centres), `frame` counts in the source file.
// Values are never changed in place; every function gives a new one.

import { readLiteral } from "./literal.js";
import { kept, movedHints, plainHints, readHints } from "./object_hints.js";
import { fail, isObject, rounded, show } from "./reading.js";

/** Written: the first where nothing is shown of the object. */
const VERSIONS = [1, 2];
const KEYS = ["version", "size", "frame", "pairs", "mask_points", "pinned_points", "corrections", "object"];

/** A target closer to its handle than this (source px) is a slip of the mouse, and refused by the node. */
export const SHORTEST_DRAG_PX = 0.5;

/**
 * @typedef {[number, number]} Point
 * @typedef {{handle: Point, target: Point}} Pair
 * @typedef {{pair: number, frame: number, handle: Point}} Correction `pair` counts from 0
 * @typedef {{size: [number, number] | null, frame: number, pairs: Pair[], mask_points: Point[],
 *   pinned_points: Point[], corrections: Correction[],
 *   object: import("./object_hints.js").ObjectHints | null}} Instruction `object`: null where nothing is shown of it
 */

/** @type {Instruction} */
export const EMPTY = Object.freeze({
  size: null, frame: 0, pairs: [], mask_points: [], pinned_points: [], corrections: [], object: null,
});

/** Whether nothing has been set yet. */
export function isEmpty(instruction) {
  return !instruction.pairs.length && !instruction.mask_points.length && !instruction.pinned_points.length
    && !instruction.object;
}

/**
 * Reads what a person or another program wrote.
 *
 * @param {string} text JSON or a Python literal; points also as {"x": .., "y": ..}
 * @returns {Instruction}
 * @throws {Error} what is wrong, what was expected
 */
export function parseInstruction(text) {
  const value = decode(text);
  if (!isObject(value)) {
    fail(`The instruction is ${show(value)}, not an object; expected `
      + '{"version": 1, "pairs": [{"handle": [x, y], "target": [x, y]}], ...}.');
  }
  const version = Object.hasOwn(value, "version") ? value.version : VERSIONS[1];
  if (!VERSIONS.includes(version)) {
    fail(`The instruction is of version ${show(version)}, but only versions 1 and 2 are known; update the pack or `
      + `write "version": ${VERSIONS[1]}.`);
  }
  const unknown = Object.keys(value).filter((key) => !KEYS.includes(key)).sort();
  if (unknown.length) {
    fail(`The instruction has unknown keys (${unknown.join(", ")}); known: ${KEYS.join(", ")}.`);
  }
  return {
    size: readSize(value.size),
    frame: readFrame(value.frame ?? 0, '"frame"'),
    pairs: list(value, "pairs").map(readPair),
    mask_points: list(value, "mask_points").map((p, i) => readPoint(p, `point ${i + 1} of mask_points`)),
    pinned_points: list(value, "pinned_points").map((p, i) => readPoint(p, `point ${i + 1} of pinned_points`)),
    corrections: list(value, "corrections").map(readCorrection),
    object: readHints(value.object, readPoint),
  };
}

/** The instruction as JSON: 0.01 px, whole numbers without ".0", spaces as Python puts them. */
export function writeInstruction(instruction) {
  const value = {
    version: VERSIONS[kept(instruction.object) ? 1 : 0],
    size: instruction.size,
    frame: instruction.frame,
    pairs: instruction.pairs.map((p) => ({ handle: rounded(p.handle), target: rounded(p.target) })),
    mask_points: instruction.mask_points.map(rounded),
    pinned_points: instruction.pinned_points.map(rounded),
  };
  if (instruction.corrections.length) {
    value.corrections = instruction.corrections.map((c) => ({ ...c, handle: rounded(c.handle) }));
  }
  if (kept(instruction.object)) value.object = plainHints(instruction.object);
  return spaced(value);
}

/** The same, one pair or point list a line, for people who edit it by hand. */
export function writeForPeople(instruction) {
  const lines = writeInstruction(instruction)
    .replace(/, (?=\{"(?:handle|pair)")/g, ",\n    ")
    .replace(/\[(?=\{)/g, "[\n    ")
    .replace(/, (?="(?:frame|size|pairs|mask_points|pinned_points|corrections|object)": (?!\d+, "handle"))/g, ",\n  ")
    .replace(/, (?="(?:off|box|strokes|radius)": )/g, ",\n    ");
  return lines.replace(/^\{/, "{\n  ").replace(/\}$/, "\n}");
}

/**
 * The instruction for the same clip resized to `size`; its own where it does not know for which size it was made.
 *
 * @param {Instruction} instruction
 * @param {[number, number]} size [width, height] in px
 */
export function scaledTo(instruction, size) {
  const from = instruction.size;
  if (!from || sameSize(from, size)) return instruction;
  const [sx, sy] = [size[0] / from[0], size[1] / from[1]];
  const scaled = ([x, y]) => [(x + 0.5) * sx - 0.5, (y + 0.5) * sy - 0.5];
  return {
    size: [size[0], size[1]],
    frame: instruction.frame,
    pairs: instruction.pairs.map((p) => ({ handle: scaled(p.handle), target: scaled(p.target) })),
    mask_points: instruction.mask_points.map(scaled),
    pinned_points: instruction.pinned_points.map(scaled),
    corrections: instruction.corrections.map((c) => ({ ...c, handle: scaled(c.handle) })),
    object: movedHints(instruction.object, scaled, Math.sqrt(sx * sy)),
  };
}

/** Whether two [width, height] are the same; null equals nothing. */
export function sameSize(a, b) {
  return Boolean(a && b && a[0] === b[0] && a[1] === b[1]);
}

/** Position in the clip of the frame nearest to `frame` (the earlier of two), or -1 where it lies outside. */
export function clipPosition(frame, indices) {
  if (!indices.length || frame < indices[0] || frame > indices[indices.length - 1]) return -1;
  let best = 0;
  indices.forEach((index, position) => {
    if (Math.abs(index - frame) < Math.abs(indices[best] - frame)) best = position;
  });
  return best;
}

function decode(text) {
  try {
    return readLiteral(text);
  } catch (error) {
    const shown = text.trim().slice(0, 40);
    return fail(`The instruction is not JSON (${error.message}): '${shown}'; expected {"version": 1, "pairs": [...]}.`);
  }
}

function list(value, key) {
  const items = value[key] ?? [];
  if (!Array.isArray(items)) fail(`"${key}" is ${show(items)}; expected a list.`);
  return items;
}

function readFrame(value, name) {
  if (!isInteger(value) || value < 0) {
    fail(`${name} is ${show(value)}; expected the number of a frame in the file, from 0.`);
  }
  return value;
}

function readPair(pair, i) {
  if (!isObject(pair) || !sameKeys(pair, ["handle", "target"])) {
    fail(`Pair ${i + 1} is ${show(pair)}; expected {"handle": [x, y], "target": [x, y]}.`);
  }
  return {
    handle: readPoint(pair.handle, `the handle of pair ${i + 1}`),
    target: readPoint(pair.target, `the target of pair ${i + 1}`),
  };
}

function readCorrection(value, i) {
  if (!isObject(value) || !sameKeys(value, ["pair", "frame", "handle"])) {
    fail(`Correction ${i + 1} is ${show(value)}; expected {"pair": 0, "frame": 0, "handle": [x, y]}.`);
  }
  if (!isInteger(value.pair) || value.pair < 0) {
    fail(`"pair" of correction ${i + 1} is ${show(value.pair)}; expected the number of a pair, from 0.`);
  }
  return {
    pair: value.pair,
    frame: readFrame(value.frame, `"frame" of correction ${i + 1}`),
    handle: readPoint(value.handle, `the handle of correction ${i + 1}`),
  };
}

function readPoint(value, name) {
  const point = isObject(value) && sameKeys(value, ["x", "y"]) ? [value.x, value.y] : value;
  if (!Array.isArray(point) || point.length !== 2 || !point.every((v) => typeof v === "number")) {
    fail(`The position of ${name} is ${show(value)}; expected [x, y], two numbers in pixels.`);
  }
  if (!point.every(Number.isFinite)) {
    fail(`The position of ${name} is (${point[0]}, ${point[1]}); expected two finite numbers.`);
  }
  return [point[0], point[1]];
}

function readSize(value) {
  if (value === undefined || value === null) return null;
  if (!Array.isArray(value) || value.length !== 2 || !value.every((v) => isInteger(v) && v > 0)) {
    fail(`"size" is ${show(value)}; expected [width, height] of the clip in pixels.`);
  }
  return [value[0], value[1]];
}

const isInteger = (value) => Number.isInteger(value);
const sameKeys = (value, keys) => (
  Object.keys(value).length === keys.length && keys.every((key) => Object.hasOwn(value, key))
);

/** JSON with a space after every comma and colon. */
function spaced(value) {
  if (Array.isArray(value)) return `[${value.map(spaced).join(", ")}]`;
  if (!isObject(value)) return JSON.stringify(value);
  return `{${Object.entries(value).map(([key, v]) => `${JSON.stringify(key)}: ${spaced(v)}`).join(", ")}}`;
}
