// A page with nothing but editors on it, for tests and measurements: window.page makes them and keeps what they say.

import { createEditor } from "/web/editor/index.js";
import * as instruction from "/web/editor/instruction.js";

const MARK_PX = 3;

/** A frame with its number, shapes, and marks: discs of pure colours round known source px. */
async function picture(width, height, number, marks) {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  const sky = context.createLinearGradient(0, 0, width, height);
  sky.addColorStop(0, `hsl(${(210 + 4 * number) % 360} 40% 70%)`);
  sky.addColorStop(1, "#2c4a3e");
  context.fillStyle = sky;
  context.fillRect(0, 0, width, height);
  context.fillStyle = "#fffdf0";
  context.beginPath();
  context.ellipse(width * (0.3 + (0.01 * number) % 0.4), height * 0.55, width * 0.2, height * 0.25, 0.4, 0, 7);
  context.fill();
  context.font = `${Math.round(height / 8)}px sans-serif`;
  context.fillText(String(number), width * 0.03, height * 0.14);
  for (const [x, y, colour] of marks) {
    context.fillStyle = colour;
    context.beginPath();
    context.arc(x + 0.5, y + 0.5, MARK_PX, 0, 2 * Math.PI);
    context.fill();
  }
  const bitmap = await createImageBitmap(canvas);
  window.page.bitmaps.push(bitmap);
  return bitmap;
}

function makeClip({ width, height, frames = 1, first = 0, every = 1, fps = 24, marks = [], key = "" }) {
  const indices = Array.from({ length: frames }, (_, i) => first + i * every);
  return {
    key: `${width}x${height} ${indices} ${key}`, width, height, fps, indices,
    frame: (position) => picture(width, height, indices[position], marks),
  };
}

window.page = {
  instruction,
  changes: [],
  bitmaps: [],
  editor: null,
  /** Makes an editor of so many css px in a container that is scaled by a transform, as a graph's nodes are. */
  make({ width = 640, height = 480, zoom = 1, locale = "en" } = {}) {
    window.page.remove();
    Object.assign(window.page, { changes: [], bitmaps: [] });
    const box = document.createElement("div");
    box.style.cssText = `width: ${width}px; height: ${height}px`;
    document.querySelector("#place").style.transform = `scale(${zoom})`;
    const editor = createEditor({ change: (text) => window.page.changes.push(text), locale });
    box.append(editor.element);
    document.querySelector("#place").append(box);
    window.page.editor = editor;
  },
  /** Ends the editor. */
  remove() {
    window.page.editor?.destroy();
    window.page.editor = null;
    document.querySelector("#place").replaceChildren();
  },
  /** The edited clip: the same frames with a hue of their own. */
  result: (values) => window.page.editor.setResult(values && makeClip(values)),
  clip: (values) => window.page.editor.setClip(values && makeClip(values), values?.message),
};
