// What the pack adds to the page: the point editor of Drag Points, and what nodes say of their runs.

import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";
import { createRuns } from "./comfy/runs.js";
import { addSaid } from "./comfy/said.js";
import { addEditor } from "./comfy/widget.js";
import { words } from "./comfy/words.js";

const NODE = "DragAVideoDragPoints";
const PACK = "DragAVideo";

/** Called after the graph has changed or a run has brought something. */
const updates = new Set();
const updateAll = () => updates.forEach((update) => update());

const root = () => app.rootGraph ?? app.graph;
const locale = () => app.extensionManager.setting.get("Comfy.Locale") ?? "en";

/** What the editor needs of the front end. */
const comfy = {
  api,
  root,
  locale,
  updates,
  words: () => words(locale()),
  runs: createRuns(api, root, updateAll),
  /** Makes the present state of the graph one that undo returns to. */
  capture() {
    const tracker = app.extensionManager.workflow.activeWorkflow?.changeTracker;
    (tracker?.captureCanvasState ?? tracker?.checkState)?.call(tracker);
  },
};

app.registerExtension({
  name: "DragAVideo.DragPoints",
  setup() {
    api.addEventListener("graphChanged", updateAll);
  },
  nodeCreated(node) {
    if (node.comfyClass === NODE) addEditor(node, comfy);
    else if (node.comfyClass?.startsWith(PACK)) addSaid(node, comfy);
  },
});
