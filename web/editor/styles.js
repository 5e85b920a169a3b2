// The editor's style sheet. It lives in a shadow root, so that neither the graph's styles come in nor these go out;
// ComfyUI's colour variables do come in, with fallbacks for a page without them.

const CSS = `
:host { display: block; width: 100%; height: 100%; min-width: 200px; min-height: 160px; box-sizing: border-box; }
* { box-sizing: border-box; }
[hidden] { display: none !important; }
.panel, .away {
  --back: var(--comfy-menu-bg, #2b2b2f);
  --field: var(--comfy-input-bg, #1d1d20);
  --ink: var(--input-text, #e6e6ea);
  --soft: var(--descrip-text, #a0a0a8);
  --edge: var(--border-color, #47474f);
  --accent: #4c9dff;
  --warn: color-mix(in srgb, #f5a524 72%, var(--ink));
  --bad: color-mix(in srgb, #ff5a52 75%, var(--ink));
  width: 100%; height: 100%; color: var(--ink); background: var(--back);
  font: 12px/1.35 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Noto Sans SC", sans-serif;
}
.panel {
  display: flex; flex-direction: column; overflow: hidden; border-radius: 6px; user-select: none;
  -webkit-user-select: none; pointer-events: auto; container-type: size; text-align: start;
}
.away { display: grid; place-items: center; border: 1px dashed var(--edge); border-radius: 6px; color: var(--soft); }
dialog {
  width: min(96vw, 1800px); height: 94vh; max-width: none; max-height: none; padding: 0; border: 0; border-radius: 10px;
  background: none; overflow: hidden; pointer-events: auto;
}
dialog::backdrop { background: rgba(0, 0, 0, .6); }
.toolbar { display: flex; flex-wrap: wrap; gap: 2px 0; padding: 3px; flex: none; }
.group { display: flex; gap: 1px; }
.group + .group { margin-left: 4px; padding-left: 4px; border-left: 1px solid var(--edge); }
.group:last-child { margin-left: auto; }
button { font: inherit; color: inherit; cursor: pointer; border: 0; border-radius: 5px; background: none; }
button:disabled { opacity: .38; cursor: default; }
button.icon { display: grid; place-items: center; width: 28px; height: 26px; padding: 0; flex: none; }
button.icon svg { width: 17px; height: 17px; }
button:not(:disabled):hover { background: color-mix(in srgb, var(--ink) 13%, transparent); }
button[aria-pressed="true"]:not(:disabled) {
  background: color-mix(in srgb, var(--accent) 30%, transparent);
  box-shadow: inset 0 0 0 1px color-mix(in srgb, var(--accent) 75%, transparent);
}
:focus { outline: none; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: -2px; }
.stage { position: relative; flex: 1 1 0; min-height: 0; background: var(--field); overflow: hidden; }
.surface { position: absolute; inset: 0; }
.surface canvas { position: absolute; inset: 0; width: 100%; height: 100%; display: block; }
canvas.points { touch-action: none; cursor: crosshair; }
canvas.points:not(.keys) { outline: none; }
canvas.points.over { cursor: move; }
canvas.points.idle { cursor: default; }
canvas.points.grab { cursor: grab; }
canvas.points.panning { cursor: grabbing; }
.surface.loading::after {
  content: ""; position: absolute; top: 0; left: 0; width: 30%; height: 2px; background: var(--accent); opacity: 0;
  animation: loading 1.1s .35s infinite ease-in-out;
}
@keyframes loading {
  from { opacity: 1; transform: translateX(-100%); }
  to { opacity: 1; transform: translateX(340%); }
}
.message {
  position: absolute; inset: 0; display: grid; place-items: center; padding: 16px; text-align: center;
  color: var(--soft); pointer-events: none; overflow-wrap: anywhere;
}
.compare {
  position: absolute; top: 6px; right: 6px; display: flex; gap: 1px; padding: 2px; border-radius: 7px;
  background: color-mix(in srgb, var(--back) 88%, transparent); box-shadow: 0 0 0 1px var(--edge);
}
.compare button { min-height: 22px; padding: 1px 8px; font-size: 11.5px; }
.verdict {
  flex: none; max-height: 5.6em; overflow: auto; margin: 3px 6px 0; padding: 3px 8px; border-left: 3px solid var(--soft);
  border-radius: 3px; background: color-mix(in srgb, var(--ink) 7%, transparent); white-space: pre-wrap; user-select: text;
}
.verdict[data-level="good"] { border-color: #35d07f; color: color-mix(in srgb, #35d07f 60%, var(--ink)); }
.verdict[data-level="warning"] { border-color: #f5a524; color: var(--warn); }
.verdict[data-level="bad"] { border-color: #ff5a52; color: var(--bad); }
.timeline { display: flex; align-items: center; gap: 4px; padding: 2px 8px 0 3px; flex: none; }
.slider { position: relative; flex: 1; height: 24px; }
.slider input {
  appearance: none; -webkit-appearance: none; width: 100%; height: 24px; margin: 0; background: none; cursor: pointer;
  position: relative; border-radius: 4px;
}
.slider input::-webkit-slider-runnable-track {
  height: 4px; border-radius: 2px;
  background: linear-gradient(to right, var(--accent) var(--done, 0%), var(--edge) var(--done, 0%));
}
.slider input::-moz-range-track { height: 4px; border-radius: 2px; background: var(--edge); }
.slider input::-moz-range-progress { height: 4px; border-radius: 2px; background: var(--accent); }
.slider input::-webkit-slider-thumb {
  -webkit-appearance: none; width: 14px; height: 14px; margin-top: -5px; border-radius: 50%; border: 2px solid #fff;
  background: var(--accent); box-shadow: 0 0 0 1px rgba(0, 0, 0, .45);
}
.slider input::-moz-range-thumb {
  width: 10px; height: 10px; border-radius: 50%; border: 2px solid #fff; background: var(--accent);
  box-shadow: 0 0 0 1px rgba(0, 0, 0, .45);
}
.marks { position: absolute; inset: 0 7px; pointer-events: none; }
.marks i { position: absolute; top: 1px; width: 7px; height: 7px; margin-left: -3.5px; }
.marks i.edit { background: var(--ink); clip-path: polygon(0 0, 100% 0, 50% 100%); }
.marks i.corrected { top: 17px; background: #ffd54a; transform: rotate(45deg) scale(.85); border: 1px solid #8a6d00; }
.frame {
  min-width: 46px; text-align: right; font-variant-numeric: tabular-nums; color: var(--soft); white-space: nowrap;
}
.status { flex: none; display: flex; align-items: center; gap: 4px; min-height: 28px; padding: 1px 4px 3px 8px; }
.line {
  flex: 1; min-width: 0; color: var(--soft); overflow: hidden; white-space: nowrap; text-overflow: ellipsis;
  font-variant-numeric: tabular-nums;
}
.line.warning { color: var(--warn); white-space: normal; }
.choices { flex: none; display: flex; gap: 3px; }
.choices button { min-height: 24px; padding: 2px 8px; background: color-mix(in srgb, var(--ink) 12%, transparent); }
.problem { color: var(--bad); overflow-wrap: anywhere; white-space: pre-wrap; }
.problem:empty { display: none; }
.panel > .problem { flex: none; max-height: 5.6em; overflow: auto; padding: 4px 8px; user-select: text; }
.text {
  position: absolute; inset: 0; display: flex; flex-direction: column; gap: 5px; padding: 6px;
  background: var(--field);
}
.text textarea {
  flex: 1; min-height: 0; resize: none; padding: 6px 8px; border: 1px solid var(--edge); border-radius: 5px;
  color: var(--ink); background: var(--back); font: 11.5px/1.5 ui-monospace, Menlo, Consolas, monospace;
  user-select: text; -webkit-user-select: text;
}
.text .problem { max-height: 5.6em; overflow: auto; user-select: text; }
.row { display: flex; justify-content: flex-end; gap: 6px; }
.row button { min-height: 26px; padding: 3px 12px; background: color-mix(in srgb, var(--ink) 12%, transparent); }
.row button.main { background: #2b7de0; color: #fff; }
.row button.main:not(:disabled):hover { background: #3a8cf0; }
.hidden {
  position: absolute; width: 1px; height: 1px; margin: -1px; padding: 0; overflow: hidden; clip-path: inset(50%);
  white-space: nowrap;
}
@container (max-width: 315px) {
  button.icon { width: 25px; }
  .group + .group { margin-left: 2px; padding-left: 2px; }
}
@container (max-width: 270px) {
  button[data-name="fit"], button[data-name="text"], button[data-name="redo"] { display: none; }
}
@container (max-height: 190px) {
  .status { display: none; }
}
@container (min-width: 700px) {
  button.icon { width: 36px; height: 32px; }
  button.icon svg { width: 20px; height: 20px; }
  .toolbar { padding: 5px; }
}
@media (pointer: coarse) {
  button.icon { height: 30px; }
}
@media (prefers-reduced-motion: no-preference) {
  button { transition: background-color .12s; }
}
`;

/** The style sheet, to be adopted by the editor's shadow roots. */
export function createSheet() {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(CSS);
  return sheet;
}
