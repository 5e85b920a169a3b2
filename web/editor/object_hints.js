// What the person shows of the object on the instruction's frame: clicks on and off it, a box, brush strokes. Read,
// scaled and written as dragavideo_core/instruction/object_hints.py does it. Null: nothing is shown.

import { fail, isNumber, isObject, rounded, show } from "./reading.js";

const KEYS = ["on", "off", "box", "strokes"];
const STROKE = '{"points": [[x, y], ...], "radius": px, "on": true or false}';

/**
 * @typedef {[number, number]} Point
 * @typedef {{points: Point[], radius: number, on: boolean}} Stroke `radius` to either side of the line, source px
 * @typedef {{on: Point[], off: Point[], box: [number, number, number, number] | null, strokes: Stroke[]}} ObjectHints
 */

/** @type {ObjectHints} */
export const NO_HINTS = Object.freeze({ on: [], off: [], box: null, strokes: [] });

/** The hints, or null where nothing is shown. */
export function kept(hints) {
  return hints && (hints.on.length || hints.off.length || hints.box || hints.strokes.length) ? hints : null;
}

/**
 * @param {unknown} value of the key "object"
 * @param {(value: unknown, name: string) => Point} readPoint
 * @returns {ObjectHints | null}
 * @throws {Error} what is wrong, what was expected
 */
export function readHints(value, readPoint) {
  if (value === undefined || value === null) return null;
  if (!isObject(value) || !Object.keys(value).every((key) => KEYS.includes(key))) {
    fail(`"object" is ${show(value)}; expected {"on": [[x, y]], "off": [[x, y]], ...}.`);
  }
  const points = (key, name) => list(value, key).map((p, i) => readPoint(p, `${name} click ${i + 1}`));
  const [on, off] = [points("on", "object"), points("off", "background")];
  const strokes = list(value, "strokes").map((stroke, i) => readStroke(stroke, i, readPoint));
  return kept({ on, off, box: readBox(value.box), strokes });
}

/** As the instruction's JSON has it. */
export function plainHints({ on, off, box, strokes }) {
  return {
    ...(on.length && { on: on.map(rounded) }),
    ...(off.length && { off: off.map(rounded) }),
    ...(box && { box: rounded(box) }),
    ...(strokes.length && {
      strokes: strokes.map((s) => ({ points: s.points.map(rounded), radius: rounded([s.radius])[0], on: s.on })),
    }),
  };
}

/** The same with every position put through `place` and every radius times `scale`. */
export function movedHints(hints, place, scale) {
  if (!hints) return null;
  const { box } = hints;
  return {
    on: hints.on.map(place),
    off: hints.off.map(place),
    box: box && [...place(box.slice(0, 2)), ...place(box.slice(2))],
    strokes: hints.strokes.map((s) => ({ ...s, points: s.points.map(place), radius: s.radius * scale })),
  };
}

function readBox(value) {
  if (value === undefined || value === null) return null;
  if (!Array.isArray(value) || value.length !== 4 || !value.every(isNumber)) {
    fail(`The object's box is ${show(value)}; expected [left, top, right, bottom] in pixels.`);
  }
  if (!(value[0] < value[2] && value[1] < value[3])) {
    fail(`The object's box ${show(value)} is empty; left must be below right, top below bottom.`);
  }
  return [...value];
}

function readStroke(value, index, readPoint) {
  const name = `Stroke ${index + 1} of the object`;
  const keys = isObject(value) ? Object.keys(value) : [];
  const known = keys.every((key) => ["points", "radius", "on"].includes(key));
  if (!known || !keys.includes("points") || !keys.includes("radius")) {
    fail(`${name} is ${show(value)}; expected ${STROKE}.`);
  }
  const { radius, on = true } = value;
  if (!isNumber(radius) || !(radius > 0 && radius <= 1e5) || typeof on !== "boolean") {
    fail(`${name} has radius ${show(radius)}, on ${show(on)}; expected ${STROKE}.`);
  }
  const lower = `s${name.slice(1)}`;
  const points = list(value, "points").map((p, i) => readPoint(p, `point ${i + 1} of ${lower}`));
  if (!points.length) fail(`${name} has no points; remove it.`);
  return { points, radius, on };
}

function list(value, key) {
  const items = value[key] ?? [];
  if (!Array.isArray(items)) fail(`The object's "${key}" is ${show(items)}; expected a list.`);
  return items;
}
