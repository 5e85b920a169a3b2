// The editor of drag points: press at a handle, drag to its target, release. State is one text (see instruction.js);
// the editor knows nothing of ComfyUI but the names of its colour variables.

import { bothFrames, createCompare } from "./compare.js";
import { el, setText } from "./dom.js";
import { createFrameButtons } from "./frame_buttons.js";
import { createFrames } from "./frames.js";
import { createGestures } from "./gestures.js";
import { createKeyActions } from "./key_actions.js";
import { listenToKeys } from "./keyboard.js";
import { createLarge } from "./large.js";
import { createMasks } from "./masks.js";
import { createModel, TOOLS } from "./model.js";
import { createPainter } from "./painter.js";
import { listenToPictures } from "./pictures.js";
import { createPointList } from "./point_list.js";
import { listenToPointers } from "./pointer.js";
import { createSayer } from "./sayer.js";
import { createSheet } from "./styles.js";
import { createSurface } from "./surface.js";
import { createTextPanel } from "./text_panel.js";
import { createTimeline } from "./timeline.js";
import { createToolbar } from "./toolbar.js";
import { readTracks } from "./tracks.js";
import { createViewport } from "./viewport.js";
import { createWords } from "./words.js";

/**
 * @typedef {object} Clip
 * @property {string} key another one means other pictures
 * @property {number} width source px
 * @property {number} height source px
 * @property {number} fps frames a second for playing
 * @property {number[]} indices numbers in the file of the clip's frames, rising
 * @property {(position: number) => Promise<ImageBitmap | HTMLImageElement>} frame the picture at a position in
 *   `indices`, in any size; the editor closes the bitmaps it is given
 *
 * @typedef {object} Host
 * @property {(text: string) => void} change takes the new instruction after every finished edit
 * @property {string} [locale] such as "en" or "zh"
 * @property {(file: Blob) => boolean} [picture] told of a picture that is pasted or dropped; whether it is taken
 * @property {(element: HTMLElement) => void} [keysFrom] told of each element of the page that has the focus when the
 *   editor has it
 */

/**
 * An editor without clip and points. Fills the element's container, which should be at least 200 x 160 css px.
 *
 * @param {Host} host
 */
export function createEditor(host) {
  const word = createWords(host.locale);
  const listeners = new AbortController();
  const { signal } = listeners;
  const sheet = createSheet();
  const element = el("div", { class: "dragavideo-editor", "data-capture-wheel": "true" });
  const root = element.attachShadow({ mode: "open" });
  root.adoptedStyleSheets = [sheet];
  host.keysFrom?.(element);

  const model = createModel((text) => host.change(text), refresh);
  const sayer = createSayer(word, refresh);
  const frames = createFrames((position) => {
    model.failures.delete(position);
    surface.redraw();
  }, frameFailed);
  const results = createFrames(() => surface.redraw(), () => {});
  const masks = createMasks(() => surface.redraw(false));
  const viewport = createViewport(model, () => surface.size, () => surface.redraw());
  const surface = createSurface(createPainter(model, viewport, frames, results, masks, (busy) => {
    surface.element.classList.toggle("loading", busy);
  }));
  const gestures = createGestures(model, (key) => sayer.say(key, { frame: model.settled.frame }));
  const timeline = createTimeline(word, model, bothFrames(model, frames, results), signal);
  const text = createTextPanel(word, {
    apply: (instruction) => model.replace(instruction),
    close: () => toggleText(false),
  }, signal);
  const toolbar = createToolbar(word, {
    ...Object.fromEntries(TOOLS.map((tool) => [tool, () => model.setTool(tool)])),
    undo: () => model.undo(),
    redo: () => model.redo(),
    clear: () => { model.clear(); sayer.say("cleared"); },
    fit: () => viewport.fit(),
    text: () => toggleText(!text.open),
    large: () => large.toggle(),
  }, signal);
  const choices = createFrameButtons(word, model, sayer, signal);
  const compare = createCompare(word, model, signal);
  const list = createPointList(word);
  const verdict = el("div", { class: "verdict", role: "status", hidden: true });
  const problem = el("div", { class: "problem", role: "alert" });
  const status = el("span", { class: "line" });
  const footer = el("div", { class: "status" }, status, choices.element);
  const message = el("div", { class: "message" });
  const stage = el("div", { class: "stage" }, surface.element, message, compare.element, text.element);
  const panel = el("div", { class: "panel", role: "group", tabindex: "-1", "aria-label": word("editor") },
    toolbar.element, stage, timeline.element, verdict, problem, footer, list.element, sayer.element);
  root.append(panel);
  const large = createLarge(panel, root, { word, sheet, changed: moved, keysFrom: host.keysFrom });

  prepareCanvas();
  const pointers = listenToPointers(surface.canvas, {
    gestures, surface, view: () => viewport.view, zoom: viewport.zoom, pan: viewport.pan,
    spaceHeld: () => keys.spaceHeld(), begun: () => timeline.stop(), left: () => model.setHover(null),
    touched: (point) => { model.finger = point; },
    takesSecond: () => model.tool === "object" && model.canEdit,
  }, signal);
  const keys = listenToKeys(panel, surface.canvas, createKeyActions({
    model, gestures, pointers, viewport, timeline, sayer, surface, large, text: () => toggleText(!text.open), word,
  }), signal);
  listenToPictures(panel, host.picture, signal);
  for (const type of ["pointerdown", "mousedown", "dblclick"]) {
    panel.addEventListener(type, (event) => event.stopPropagation(), { signal }); // the graph would drag the node
  }
  refresh();

  function prepareCanvas() {
    const help = el("p", { id: "help", class: "hidden" }, word("canvasHelp"));
    surface.element.append(help);
    const attributes = { role: "application", "aria-label": word("editor"), "aria-describedby": "help" };
    for (const [name, value] of Object.entries(attributes)) surface.canvas.setAttribute(name, value);
  }

  function moved() {
    viewport.fit();
    refresh();
    if (!text.open) surface.canvas.focus({ preventScroll: true });
  }

  function toggleText(open) {
    if (open) text.show(model);
    else text.hide();
    if (!open) surface.canvas.focus({ preventScroll: true });
    refresh();
  }

  function showVerdict() {
    const { level = "plain", lines = [] } = model.verdict ?? {};
    verdict.hidden = !lines.length;
    verdict.dataset.level = level;
    setText(verdict, lines.join("\n"));
  }

  function frameFailed(position, error) {
    model.failures.set(position, error?.message ?? String(error));
    refresh();
    surface.redraw();
  }

  /** Brings everything that is seen up to date with the model. Cheap; the canvases wait for the next frame. */
  function refresh() {
    toolbar.update(model, { text: text.open, large: large.open });
    timeline.update();
    choices.update();
    compare.update();
    showVerdict();
    list.update(model);
    const line = sayer.line(model);
    setText(status, line.text);
    status.title = line.text;
    status.classList.toggle("warning", line.warning);
    setText(problem, model.error && !text.open ? word("invalid", { reason: model.error }) : "");
    setText(message, model.size ? "" : model.message || word("noClip"));
    surface.canvas.classList.toggle("over", Boolean(model.hover) && model.tool !== "erase");
    surface.canvas.classList.toggle("idle", !model.canEdit || (!model.onEditFrame && !model.hover));
    surface.redraw(viewport.pictureChanged());
  }

  return {
    element,
    setText(value) {
      model.setText(String(value ?? ""));
    },
    setClip(clip, why) {
      if (model.setClip(clip, why)) {
        timeline.stop();
        frames.setClip(clip);
        viewport.fit();
      }
      refresh();
    },
    setTracks(value) {
      model.tracks = readTracks(value);
      masks.setSources(model.tracks?.masks);
      refresh();
    },
    /** The edited clip of a run, in the form of `setClip`; null takes it away. */
    setResult(result) {
      results.setClip(result);
      model.setResult(result);
      surface.redraw();
    },
    /** How a run of the present points went; gone with the next edit. */
    setVerdict(value) {
      model.setVerdict(value);
    },
    /** Why a run of the present points was refused; gone with the next edit. */
    setRefusal(message) {
      model.setRefusal(message);
    },
    setReadOnly(reason) {
      model.setReadOnly(reason || "");
    },
    /** Half side of a mask point's patch in source px, for show; 0 shows none. */
    setMaskRadius(px) {
      model.maskRadius = px > 0 ? px : 0;
      refresh();
    },
    destroy() {
      large.close();
      timeline.stop();
      listeners.abort();
      sayer.destroy();
      surface.destroy();
      frames.destroy();
      results.destroy();
      masks.setSources([]);
      element.remove();
      root.replaceChildren();
    },
  };
}
