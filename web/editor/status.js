// What the line below the picture says.

import { isEmpty, sameSize } from "./instruction.js";
import { firstProblem } from "./validate.js";

const HINTS = { pair: "start", mask: "maskHint", pin: "pinHint", erase: "eraseHint", object: "objectHint" };
const NAMES = {
  handle: "handleAt", target: "targetAt", mask: "maskAt", pin: "pinAt", correction: "correctionAt", track: "trackAt",
  on: "onAt", off: "offAt",
};

/**
 * The line for what is to be known now, the most pressing first.
 *
 * @param {ReturnType<import("./model.js").createModel>} model
 * @param {(key: string, values?: object) => string} word
 * @returns {{text: string, warning: boolean}}
 */
export function statusOf(model, word) {
  const plain = (text) => ({ text, warning: false });
  const warning = (text) => ({ text, warning: true });
  // What is wrong with these very points is said in the editor's own words, whose line has no room for the server's.
  if (model.refusal && !model.settled.pairs.length) return warning(word("nothing"));
  if (model.refusal) return warning(model.refusal);
  if (model.readOnly) return warning(model.readOnly);
  if (!model.size) return plain("");
  const failure = model.failures.get(model.position);
  if (failure) return warning(word("frameFailed", { frame: model.frame, reason: failure }));
  if (model.scaledFrom) {
    return warning(word("scaled", { from: model.scaledFrom.join("x"), to: model.size.join("x") }));
  }
  const problem = model.draft ? null : firstProblem(model.settled, model.size);
  if (problem) return warning(word(...problem));
  if (model.shown !== "source") return plain(word(model.shown === "wipe" ? "wipeHint" : "afterHint"));
  const held = model.editPosition >= 0 || isEmpty(model.settled);
  if (!held) return warning(word("notInClip", { frame: model.settled.frame }));
  if (model.pending && !model.selection) return plain(word("nowTarget"));
  const named = describe(model, model.hover ?? model.selection, word);
  if (named) return plain(named);
  if (!model.clip && model.message) return plain(model.message);
  const tracks = aboutTracks(model, word);
  if (tracks) return tracks;
  if (!model.onEditFrame) return plain(word("elsewhere", { frame: model.settled.frame }));
  if (model.message) return plain(model.message);
  if (isEmpty(model.instruction) || ["erase", "object"].includes(model.tool)) return plain(word(HINTS[model.tool]));
  return plain(counts(model, word));
}

function aboutTracks(model, word) {
  if (!model.tracks || isEmpty(model.settled)) return null;
  if (!sameSize(model.tracks.size, model.size)) return { text: word("tracksOtherSize"), warning: true };
  if (!model.tracksAreCurrent) return { text: word("stale"), warning: true };
  return model.onEditFrame || !model.tracked.length ? null : { text: word("correct"), warning: false };
}

/** A point's name and place, and a pair's length; "" where there is none. */
export function describe(model, ref, word) {
  const at = model.positionOf(ref);
  if (!at) return "";
  const pair = ref.kind === "correction" ? model.instruction.corrections[ref.index].pair : ref.index;
  const text = word(NAMES[ref.kind], { n: pair + 1, x: shown(at[0]), y: shown(at[1]) });
  if (ref.kind !== "handle" && ref.kind !== "target") return text;
  const { handle, target } = model.instruction.pairs[ref.index];
  const length = Math.hypot(target[0] - handle[0], target[1] - handle[1]).toFixed(1);
  return `${text} - ${word("length", { length })}`;
}

function counts(model, word) {
  const { pairs, mask_points: masks, pinned_points: pins } = model.instruction;
  return word("counts", { pairs: pairs.length, masks: masks.length, pins: pins.length });
}

const shown = (v) => String(Math.round(v * 10) / 10);
