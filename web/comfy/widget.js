// The editor as a widget of a Drag Points node.

import { after } from "./chain.js";
import { createView } from "./view.js";

const LEAST_HEIGHT = 320;
/** Of the widget, in graph units (CSS px at zoom 1). */
const MARGIN = 10;
/** What the classic renderer leaves free round a widget's element, in the same units. */
const FIRST_SIZE = [440, 600];
/** Of a new node, in the same units. */

/**
 * Gives a Drag Points node that was just created its editor.
 *
 * @param {object} node
 * @param {object} comfy what the editor needs of the front end, see drag_points.js
 */
export function addEditor(node, comfy) {
  const text = node.widgets.find((widget) => widget.name === "instruction");
  const holder = document.createElement("div");
  holder.className = "widget-expands"; // in Nodes 2.0 such elements grow with their node
  Object.assign(holder.style, { width: "100%", height: "100%", minHeight: `${LEAST_HEIGHT - 2 * MARGIN}px` });
  // The last of the widgets: the values of a saved node are told apart by their order.
  const widget = node.addDOMWidget("editor", "dragavideo_editor", holder, {
    serialize: false, // not in the prompt
    hideOnZoom: false,
    getMinHeight: () => LEAST_HEIGHT,
  });
  widget.serialize = false; // not in the workflow
  keepWidth(widget);
  hide(text);
  // A plain socket: one that belongs to a hidden widget could not be reached.
  node.inputs.find((input) => input.name === text.name).widget = undefined;
  node.setSize(node.size.map((side, i) => Math.max(side, FIRST_SIZE[i])));

  const view = createView({ node, text, holder }, comfy);
  for (const event of ["onAdded", "onRemoved", "onConfigure", "onConnectionsChange"]) after(node, event, view.update);
  after(text, "callback", view.update);
}

/**
 * Has a widget be as wide as its node. A panel beside the graph that shows the same widget gives it its own width.
 *
 * @param {object} widget
 */
export function keepWidth(widget) {
  Object.defineProperty(widget, "width", { get: () => undefined, set() {}, configurable: true, enumerable: true });
}

/** The renderers look at different ones of these. */
function hide(widget) {
  widget.hidden = true;
  widget.options.hidden = true;
  widget.options.getMinHeight = widget.options.getMaxHeight = () => 0;
}
