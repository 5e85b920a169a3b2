// Undo and redo over values that are never changed in place.

const LONGEST = 200;

/** A history that holds one value. */
export function startHistory(value) {
  return { past: [], present: value, future: [] };
}

/** The history after an edit that made `value`. What had been undone is gone. */
export function pushed(history, value) {
  return { past: [...history.past, history.present].slice(-LONGEST), present: value, future: [] };
}

/** One edit back; the same history where there is none. */
export function undone(history) {
  if (!history.past.length) return history;
  const { past, present, future } = history;
  return { past: past.slice(0, -1), present: past[past.length - 1], future: [present, ...future] };
}

/** One undone edit forward; the same history where there is none. */
export function redone(history) {
  if (!history.future.length) return history;
  const { past, present, future } = history;
  return { past: [...past, present], present: future[0], future: future.slice(1) };
}
