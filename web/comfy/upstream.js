// Where the clip of a Drag Points node comes from: a pure function of the graph.

import { executionId, inputOf, isLinked, MUTE, placeOf, sourceOf } from "./links.js";

const ANNOTATED = / \[(input|output|temp)\]$/;
/** Load Video of VideoHelperSuite, by its `format`: sides are multiples of the first, frames of the second and one. */
const VHS_FORMATS = {
  None: [1, 1], AnimateDiff: [8, 1], Wan: [8, 4], Mochi: [16, 6], Hunyuan: [16, 4], Cosmos: [16, 8], LTXV: [32, 8],
};

/**
 * @typedef {object} Origin
 * @property {"file" | "run" | "none"} kind the clip's frames lie in a file; or only a run shows them; or no clip
 *   comes in
 * @property {"open" | "mute"} [why] none: nothing is connected, or `title` is muted
 * @property {string} [title] run, none: the node that cannot be looked into
 * @property {string} [id] the execution id of the node that gives the clip
 * @property {string} [source] file: "input", "output", "temp" or "example"
 * @property {string} [name] file: its name in that folder, or the example's
 * @property {{first: number, step: number, cap: number, group?: number, rate?: number}} [batch] file: number k of what enters Prepare
 *   Clip is frame first + k * step of the file; at most `cap` of them, 0 means all; of these a multiple of `group`, and one
 * @property {{start: number, every: number, limit: number}} [taken] file: which numbers of the batch make the clip; not
 *   there for an example, which says it itself
 * @property {number} [limit] example: at most so many frames, 0 means as many as the example says
 *   where `rate` is not 0, frames are counted after those of the file were taken at so many a second
 * @property {number} [multiple] file: both sides of the picture are rounded to multiples of this
 * @property {[number, number]} [resized] file: the sides that the picture is resized to, 0 where the shape decides
 */

/**
 * @param {object} node a Drag Points node
 * @param {object} root the root graph
 * @returns {{origin: Origin, widgets: object[]}} the origin and the widgets it was read from
 */
export function clipOrigin(node, root) {
  const widgets = [];
  const place = placeOf(node, root);
  if (!place) return { origin: { kind: "none", why: "open" }, widgets };
  const found = sourceOf(place, inputOf(node, "clip"));
  const origin = found.end ? none(found) : { id: executionId(found.place, found.node), ...clipNode(found, widgets) };
  return { origin, widgets };
}

/**
 * What feeds the node's `instruction`, if something does.
 *
 * @returns {{title: string, example: string} | null} the node's title; and the example's name where it is Example Clip
 */
export function instructionOrigin(node, root) {
  const input = inputOf(node, "instruction");
  const place = isLinked(input) && placeOf(node, root);
  if (!place) return null;
  const found = sourceOf(place, input);
  if (found.end) return found.end === MUTE ? { title: found.node.title, example: "" } : null;
  const example = found.node.type === "DragAVideoExampleClip" && found.slot === 1;
  return { title: found.node.title, example: example ? String(valueOf(found, "example", []) ?? "") : "" };
}

/** Whether the points of a Point-Set Propagation node come from this Drag Points node. */
export function drawsFrom(propagation, place, node) {
  const found = sourceOf(place, inputOf(propagation, "points"));
  return found.node === node && !found.end;
}

/** Whether what a Decode node shows was dragged by the points of this Drag Points node. */
export function decodesFrom(decode, place, node) {
  const found = sourceOf(place, inputOf(decode, "point_sets"));
  return !found.end && drawsFrom(found.node, found.place, node);
}

function clipNode(found, widgets) {
  const { node, place } = found;
  if (node.type === "DragAVideoExampleClip") {
    const [name, limit] = ["example", "limit"].map((key) => valueOf(found, key, widgets));
    return isNumber(limit) && name ? { kind: "file", source: "example", name, limit } : afterRun(node);
  }
  if (node.type !== "DragAVideoPrepareClip") return afterRun(node);
  const [start, every, limit] = ["start", "every", "limit"].map((key) => valueOf(found, key, widgets));
  if (![start, every, limit].every(isNumber)) return afterRun(node);
  const inputs = ["images", "video"].map((key) => inputOf(node, key)).filter(isLinked);
  if (inputs.length === 0) return { kind: "none", why: "open", title: node.title };
  const feeding = sourceOf(place, inputs[0]);
  if (feeding.end) return none(feeding);
  const read = inputs.length === 1 && reader(feeding)?.(feeding, widgets);
  return { ...afterRun(feeding.node), ...(read && { kind: "file", ...read, taken: { start, every, limit } }) };
}

/** The function that says which file such a source reads, or undefined. */
function reader({ node, slot }) {
  if (slot !== 0) return undefined;
  return {
    LoadVideo: (found, widgets) => wholeFile(valueOf(found, "file", widgets), "input"),
    LoadImage: (found, widgets) => wholeFile(valueOf(found, "image", widgets), "input"),
    LoadImageOutput: (found, widgets) => wholeFile(valueOf(found, "image", widgets), "output"),
    GetVideoComponents: throughComponents,
    VHS_LoadVideo: vhsLoadVideo,
  }[node.type];
}

function throughComponents({ node, place }, widgets) {
  const feeding = sourceOf(place, inputOf(node, "video"));
  return feeding.end || feeding.node.type === node.type ? null : reader(feeding)?.(feeding, widgets);
}

function wholeFile(value, folder) {
  const file = annotated(value, folder);
  return file && { ...file, batch: { first: 0, step: 1, cap: 0 } };
}

/** Load Video (Upload) of VideoHelperSuite, which may resize and change the frame rate. */
function vhsLoadVideo(found, widgets) {
  const value = (key) => valueOf(found, key, widgets);
  const file = annotated(value("video"), "input");
  const [first, step, cap] = ["skip_first_frames", "select_every_nth", "frame_load_cap"].map(value);
  const [multiple, group] = VHS_FORMATS[value("format") ?? "None"] ?? [];
  const [rate, width, height] = ["force_rate", "custom_width", "custom_height"].map(value);
  const fed = ["vae", "meta_batch"].some((key) => isLinked(inputOf(found.node, key)));
  if (!file || ![first, step, cap, rate, width, height].every(isNumber) || !multiple || fed) return null;
  return { ...file, batch: { first, step, cap, group, rate }, multiple, resized: [width, height] };
}

/** The file that a value such as "a/b.mp4 [output]" names. */
function annotated(value, folder) {
  if (typeof value !== "string" || !value) return null;
  const source = ANNOTATED.exec(value)?.[1] ?? folder;
  return { source, name: value.replace(ANNOTATED, "") };
}

/** The value that a widget of a found node will have in the prompt; undefined where only a run tells. */
function valueOf({ node, place }, name, widgets) {
  const input = node.inputs?.find((one) => one.widget?.name === name);
  if (isLinked(input)) {
    const found = sourceOf(place, input);
    if (found.input) return widgetOf(found.node, found.input.widget?.name ?? found.input.name, widgets);
    return !found.end && found.node.type.startsWith("Primitive")
      ? (widgetOf(found.node, "value", widgets) ?? found.node.widgets?.[0]?.value)
      : undefined;
  }
  return widgetOf(node, name, widgets);
}

function widgetOf(node, name, widgets) {
  const widget = node.widgets?.find((one) => one.name === name);
  if (widget) widgets.push(widget);
  return widget?.value;
}

function none({ end, node }) {
  return { kind: "none", why: end === MUTE ? "mute" : "open", title: node?.title };
}

function afterRun(node) {
  return { kind: "run", title: node.title };
}

function isNumber(value) {
  return typeof value === "number" && Number.isFinite(value);
}
