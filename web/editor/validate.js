// What the node would refuse when it runs, said beforehand. See validate_instruction in dragavideo_core/instruction/checks.py.

import { pointsOf } from "./hits.js";
import { SHORTEST_DRAG_PX } from "./instruction.js";
import { inFrame } from "./view.js";

/**
 * The first thing that is wrong with an instruction that can be read, as a key of words.js with its values, or null.
 * That there are no pairs yet is nothing wrong here.
 *
 * @param {import("./instruction.js").Instruction} instruction
 * @param {[number, number]} size of the clip, px
 * @returns {[string, object] | null}
 */
export function firstProblem(instruction, size) {
  const seen = new Set();
  for (const { pair, frame, handle } of instruction.corrections) {
    const values = { n: pair + 1, frame };
    if (pair >= instruction.pairs.length) return ["correctionOfNone", values];
    if (frame === instruction.frame) return ["correctionHere", values];
    if (seen.has(`${pair} ${frame}`)) return ["correctionTwice", values];
    if (!inFrame(handle, size)) return ["correctionOutside", values];
    seen.add(`${pair} ${frame}`);
  }
  const box = instruction.object?.box;
  const corners = box ? [box.slice(0, 2), box.slice(2)] : [];
  const places = [...pointsOf(instruction).map(({ at }) => at), ...corners];
  if (places.some((at) => !inFrame(at, size))) return ["outside", {}];
  const short = instruction.pairs.findIndex(({ handle, target }) => (
    Math.hypot(target[0] - handle[0], target[1] - handle[1]) < SHORTEST_DRAG_PX
  ));
  return short < 0 ? null : ["tooShort", { n: short + 1 }];
}
