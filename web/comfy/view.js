// The editor of one node, kept in step with the graph: a view of the text in the node's `instruction` widget, which is
// the only truth. It lives only while the node is part of the graph: the front end also makes nodes to throw them away,
// when it copies, and does not tell every node that it has gone.

import { createEditor } from "../editor/index.js";
import { createWatch } from "./chain.js";
import { fileClip, runClip, runTracks } from "./clips.js";
import { nodeOf, placeOf } from "./links.js";
import { keepOwnUndo } from "./undo.js";
import { clipOrigin, decodesFrom, drawsFrom, instructionOrigin } from "./upstream.js";

/** Half side of a mask point's patch in all presets, as a share of the working size, which is the root of an area. */
const MASK_SHARE = 1 / 16;
const REPORT = "DragAVideoDragReport";
/** Emptied holders that are still on the page, by the id of their node: see `takePlace`. */
const left = new Map();
/** Shown while the points come from a node that only a run makes tell them. */
const UNKNOWN = '{"version": 1, "pairs": []}';

/**
 * @param {{node: object, text: object, holder: HTMLElement}} parts the node, its `instruction` widget and the element
 *   that takes the editor
 * @param {object} comfy see drag_points.js
 * @returns {{update: () => void}} has the view look at the graph again, once the front end has done what it is doing
 */
export function createView({ node, text, holder }, comfy) {
  let editor = null;
  let due = false;
  const watch = createWatch(update);
  /** A picture to set points on while no clip is connected, as a clip. */
  let pasted = null;
  let connected = false;
  /** The text, clip and tracks that are shown, as strings. */
  let shown = {};

  function update() {
    if (due) return;
    due = true;
    queueMicrotask(() => {
      due = false;
      const place = placeOf(node, comfy.root());
      // After undo another node may have its id.
      if (place?.graph.getNodeById(node.id) === node) refresh();
      else close();
    });
  }

  function refresh() {
    if (!editor) open();
    const root = comfy.root();
    const { origin, widgets } = clipOrigin(node, root);
    watch(widgets);
    const fed = instructionOrigin(node, root);
    setReadOnly(fed ? comfy.words().linked(fed.title) : "");
    if (!fed) showText(text.value);
    void showClip(origin, fed);
    void showTracks(root);
    showResult(root);
    showSaid(root);
  }

  function open() {
    editor = createEditor({ locale: comfy.locale(), change: write, keysFrom: keepOwnUndo, picture: takePicture });
    shown = {};
    requestAnimationFrame(() => requestAnimationFrame(takePlace));
    holder.replaceChildren(editor.element);
    comfy.updates.add(update);
  }

  function close() {
    if (!editor) return;
    comfy.updates.delete(update);
    watch([]);
    editor.destroy();
    editor = null;
    holder.replaceChildren();
    if (holder.isConnected) left.set(node.id, new WeakRef(holder));
  }

  /** After undo, Nodes 2.0 goes on with the component of the node that had this id, and with its element. */
  function takePlace() {
    const old = left.get(node.id)?.deref();
    left.delete(node.id);
    if (old?.isConnected && !holder.isConnected) old.replaceWith(holder);
  }

  function write(value) {
    shown.text = value;
    text.value = value;
    comfy.capture();
  }

  function takePicture(file) {
    if (connected) return false;
    createImageBitmap(file).then((bitmap) => {
      const { width, height } = bitmap;
      bitmap.close();
      const key = `picture ${file.size} ${performance.now()}`;
      pasted = { key, width, height, fps: 1, indices: [0], frame: () => createImageBitmap(file) };
      update();
    }, () => {});
    return true;
  }

  function setReadOnly(reason) {
    if (reason === shown.readOnly) return; // it would break off what the person is doing
    shown.readOnly = reason;
    editor.setReadOnly(reason);
  }

  function showText(value) {
    if (value === shown.text) return;
    shown.text = value;
    editor.setText(value);
  }

  async function showClip(origin, fed) {
    const run = origin.id && comfy.runs.clip(origin.id);
    connected = origin.kind !== "none";
    if (connected) pasted = null;
    const key = JSON.stringify([origin, run, fed, pasted?.key]);
    if (key === shown.clip) return;
    shown.clip = key;
    const found = pasted ? { clip: pasted } : await findClip(origin, run, comfy);
    if (!editor || key !== shown.clip) return;
    if (found.failed) shown.clip = ""; // the next look at the graph tries again
    editor.setClip(found.clip, found.message);
    editor.setMaskRadius(found.clip ? MASK_SHARE * Math.sqrt(found.clip.width * found.clip.height) : 0);
    const example = fed && origin.source === "example" && fed.example === origin.name;
    if (fed) showText((example && found.instruction) || UNKNOWN);
  }

  async function showTracks(root) {
    const isOurs = ([id]) => {
      const found = nodeOf(root, id);
      return found && drawsFrom(found.node, found.place, node);
    };
    const file = comfy.runs.tracks().find(isOurs)?.[1];
    const key = JSON.stringify(file);
    if (key === shown.tracks) return;
    shown.tracks = key;
    const tracks = file ? await runTracks(file, comfy.api).catch(() => null) : null;
    if (editor && key === shown.tracks) editor.setTracks(tracks);
  }

  /** What the last run of a Decode behind these points made. */
  function showResult(root) {
    const file = comfy.runs.results().find(([id]) => {
      const found = nodeOf(root, id);
      return found && decodesFrom(found.node, found.place, node);
    })?.[1];
    const key = JSON.stringify(file);
    if (key === shown.result) return;
    shown.result = key;
    editor.setResult(file ? runClip(file, comfy.api) : null);
  }

  /** How the drag went, in the words of Drag Report; and what was refused. */
  function showSaid(root) {
    const verdict = comfy.runs.allSaid().find(([id]) => {
      const found = nodeOf(root, id);
      return found?.node.type === REPORT && drawsFrom(found.node, found.place, node);
    })?.[1];
    const refusal = comfy.runs.refusal();
    const refuser = refusal && nodeOf(root, refusal.node)?.node;
    const ours = refuser && (refuser === node || refuser.type !== node.type);
    const said = JSON.stringify(verdict);
    if (said !== shown.verdict) editor.setVerdict(verdict ?? null);
    shown.verdict = said;
    const problem = ours ? (refuser === node ? refusal.message : `${refuser.title}: ${refusal.message}`) : "";
    const told = `${problem} ${refusal?.at}`;
    if (told !== shown.refusal) editor.setRefusal(problem);
    shown.refusal = told;
  }

  return { update };
}

/** The clip to show, or what to say in its place: from the file if it can be predicted, else from the last run. */
async function findClip(origin, run, comfy) {
  const say = comfy.words();
  const instead = (message) => (run ? { clip: runClip(run, comfy.api) } : { clip: null, message });
  if (origin.kind === "none") return { clip: null, message: say[origin.why](origin.title) };
  if (origin.kind === "run") return instead(say.run(origin.title));
  try {
    const file = await fileClip(origin, comfy.api);
    return file.clip ? file : { clip: null, message: say.empty(file.count) };
  } catch (error) {
    return { ...instead(error.message), failed: true };
  }
}
