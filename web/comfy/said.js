// What a node says of its last run, in a line or two on the node itself. ComfyUI draws no text of a node but its own.

import { after } from "./chain.js";
import { executionId, placeOf } from "./links.js";
import { keepWidth } from "./widget.js";

const COLOURS = { plain: "inherit", good: "#35b36a", warning: "#e0a03a", bad: "#ff6b61" };
/** Of a line and of the room round all of them, in graph units. */
const LINE = 17;
const ROOM = 22;
const LONGEST = 8;
const PROGRESS = "$$node-text-preview";

/**
 * Has a node of the pack show what its runs say. Before a run the element takes no room; it is there from the start,
 * because the first Nodes 2.0 does not see a widget that comes later.
 *
 * @param {object} node
 * @param {object} comfy see drag_points.js
 */
export function addSaid(node, comfy) {
  const widget = makeWidget(node);
  let shown = "";

  function update() {
    const place = placeOf(node, comfy.root());
    if (place?.graph.getNodeById(node.id) !== node) return;
    const said = comfy.runs.said(executionId(place, node)) ?? null;
    const key = JSON.stringify(said);
    if (!said || key === shown) return;
    shown = key;
    widget.say(said);
  }

  // The front end also makes nodes to throw them away, which never come into a graph.
  after(node, "onAdded", () => {
    comfy.updates.add(update);
    queueMicrotask(update);
  });
  after(node, "onRemoved", () => comfy.updates.delete(update));
}

/** The line that stood on the node while it was at work; older front ends leave it there. */
function takeProgressAway(node) {
  const line = node.widgets.find((widget) => widget.name === PROGRESS);
  if (line && node.removeWidget) node.removeWidget(line);
}

/** Makes a node so high, if it is lower. */
function grow(node, height) {
  if (node.size[1] < height) node.setSize([node.size[0], height]);
}

function makeWidget(node) {
  const element = document.createElement("div");
  element.className = "dragavideo-said";
  element.setAttribute("role", "status");
  Object.assign(element.style, {
    font: "12px/17px system-ui, sans-serif", overflow: "auto", padding: "0 4px", boxSizing: "border-box",
    color: "var(--input-text, #ddd)", userSelect: "text", display: "none",
  });
  let height = 0;
  const fixed = () => (height ? height + ROOM : 0);
  const widget = node.addDOMWidget("said", "dragavideo_said", element, {
    serialize: false, hideOnZoom: true, getMinHeight: fixed, getMaxHeight: fixed,
  });
  widget.serialize = false;
  keepWidth(widget);
  return {
    say({ level, lines }) {
      element.replaceChildren(...lines.map((text) => {
        const line = document.createElement("div");
        line.textContent = text;
        return line;
      }));
      element.dataset.level = level;
      element.style.color = level === "plain" ? "var(--input-text, #ddd)" : COLOURS[level];
      // Lines that are wider than the node go on below.
      const wide = Math.max(20, Math.floor(node.size[0] / 6.5));
      const rows = lines.reduce((sum, text) => sum + Math.max(1, Math.ceil(text.length / wide)), 0);
      height = LINE * Math.min(rows, LONGEST);
      element.style.minHeight = `${height}px`;
      element.style.display = "block";
      takeProgressAway(node);
      grow(node, node.computeSize()[1]);
      // Where the classic renderer has laid it out is known once it is drawn.
      requestAnimationFrame(() => requestAnimationFrame(() => grow(node, widget.y + fixed())));
    },
  };
}
