// The frame slider with its play button. Marks show the frame of the points and the corrected frames.

import { el, setText } from "./dom.js";
import { iconButton, setIcon } from "./toolbar.js";

const STILL_FPS = 12;

/**
 * @param {(key: string, values?: object) => string} word
 * @param {ReturnType<import("./model.js").createModel>} model
 * @param {{has(position: number): boolean, prefetch(position: number): void}} frames
 * @param {AbortSignal} signal
 */
export function createTimeline(word, model, frames, signal) {
  const play = iconButton("play", word("play"), () => toggle(), signal);
  const slider = el("input", { type: "range", min: "0", step: "1", "aria-label": word("scrub") });
  const marks = el("div", { class: "marks", "aria-hidden": "true" });
  const label = el("span", { class: "frame" });
  const element = el("div", { class: "timeline" }, play, el("div", { class: "slider" }, marks, slider), label);
  let request = 0;
  let due = 0;
  let drawnMarks = "";

  slider.addEventListener("input", () => {
    stop();
    model.setPosition(Number(slider.value));
  }, { signal });

  function tick(now) {
    request = requestAnimationFrame(tick);
    const count = model.clip.indices.length;
    frames.prefetch(model.position);
    const next = (model.position + 1) % count;
    if (now < due || !(frames.has(next) || model.failures.has(next))) return;
    const length = 1000 / (model.clip.fps > 0 ? model.clip.fps : STILL_FPS);
    due = now - due > length ? now + length : due + length; // late ones do not make the rest run faster
    model.setPosition(next);
  }

  function stop() {
    if (!request) return;
    cancelAnimationFrame(request);
    request = 0;
    setIcon(play, "play", word("play"));
  }

  function toggle() {
    if (request) return stop();
    if (!model.clip || model.clip.indices.length < 2) return undefined;
    due = 0;
    request = requestAnimationFrame(tick);
    return setIcon(play, "pause", word("pause"));
  }

  function updateMarks(indices) {
    const { settled, editPosition } = model;
    const corrected = settled.corrections.map((c) => indices.indexOf(c.frame));
    const wanted = JSON.stringify([editPosition, corrected, indices.length]);
    if (wanted === drawnMarks) return;
    drawnMarks = wanted;
    marks.replaceChildren(
      ...(editPosition >= 0 ? [mark("edit", editPosition, indices.length)] : []),
      ...corrected.filter((n) => n >= 0).map((n) => mark("corrected", n, indices.length)),
    );
  }

  return {
    element,
    toggle,
    stop,
    update() {
      const indices = model.clip?.indices ?? [];
      element.hidden = indices.length < 2;
      if (element.hidden) return stop();
      const values = {
        frame: model.frame, position: model.position + 1, count: indices.length, last: indices[indices.length - 1],
      };
      slider.max = String(indices.length - 1);
      slider.value = String(model.position);
      slider.style.setProperty("--done", `${(100 * model.position) / (indices.length - 1)}%`);
      slider.setAttribute("aria-valuetext", word("frameOf", values));
      setText(label, word("frameShort", values));
      label.title = word("frameOf", values);
      return updateMarks(indices);
    },
  };
}

function mark(kind, position, count) {
  const element = el("i", { class: kind });
  element.style.left = `${(100 * position) / (count - 1)}%`;
  return element;
}
