// The toolbar's icons: strokes on a 20 x 20 grid, made by DOM calls.

import { svg } from "./dom.js";

const PATHS = {
  pair: ["M7.2 12.8 15.5 4.5", "M10.5 4.2h5.3v5.3", "M5 12.4a2.6 2.6 0 1 0 0 5.2 2.6 2.6 0 0 0 0-5.2z"],
  mask: ["M3.5 6.5v-3h3", "M13.5 3.5h3v3", "M16.5 13.5v3h-3", "M6.5 16.5h-3v-3", "M10 8.2v3.6M8.2 10h3.6"],
  pin: ["M12.2 2.8 17.2 7.8 13.6 9.6 11.4 14.4 5.6 8.6 10.4 6.4z", "M8.4 11.6 3.2 16.8"],
  erase: ["M8.2 16.5 3.4 11.7 11.8 3.3 16.7 8.2z", "M7.4 7.7 12.3 12.6", "M8.2 16.5H17"],
  object: ["M10 3.2c3.6 0 6 2.2 6 5.4 0 3.8-2.6 8.2-6 8.2s-6-4.4-6-8.2c0-3.2 2.4-5.4 6-5.4z", "M10 7.4v4.4M7.8 9.6h4.4"],
  undo: ["M7 4.2 3.4 7.8 7 11.4", "M3.6 7.8h8a4.4 4.4 0 0 1 0 8.8H8"],
  redo: ["M13 4.2 16.6 7.8 13 11.4", "M16.4 7.8h-8a4.4 4.4 0 0 0 0 8.8H12"],
  clear: ["M3.5 5.5h13", "M7.5 5.2V3.3h5v1.9", "M5 5.7l.8 11h8.4l.8-11", "M8.4 8.6v5M11.6 8.6v5"],
  fit: ["M3.5 7.5v-4h4", "M12.5 3.5h4v4", "M16.5 12.5v4h-4", "M7.5 16.5h-4v-4"],
  large: ["M11.6 3.5h4.9v4.9", "M8.4 16.5H3.5v-4.9", "M16.2 3.8l-5 5", "M3.8 16.2l5-5"],
  close: ["M4.5 4.5l11 11", "M15.5 4.5l-11 11"],
  text: ["M7.6 3.5c-2.4 0-2 1.6-2 3.2 0 1.9-.7 3-2.1 3.3 1.4.3 2.1 1.4 2.1 3.3 0 1.6-.4 3.2 2 3.2",
    "M12.4 3.5c2.4 0 2 1.6 2 3.2 0 1.9.7 3 2.1 3.3-1.4.3-2.1 1.4-2.1 3.3 0 1.6.4 3.2-2 3.2"],
  play: ["M6.2 3.9 15.8 10l-9.6 6.1z"],
  pause: ["M6.8 4.2v11.6", "M13.2 4.2v11.6"],
};
const FILLED = ["play"];

/** The icon of that name, in the colour of the text round it. */
export function icon(name) {
  return svg("svg", {
    viewBox: "0 0 20 20", "aria-hidden": "true", fill: FILLED.includes(name) ? "currentColor" : "none",
    stroke: "currentColor", "stroke-width": name === "pause" ? "2.6" : "1.6", "stroke-linecap": "round",
    "stroke-linejoin": "round",
  }, ...PATHS[name].map((d) => svg("path", { d })));
}
