// The front end's own undo and the editor's.

/**
 * Has the front end leave an element's keys alone. It does so where something is written in, but of what lies in a
 * shadow it sees the host only: Ctrl+Z in the editor would undo the last edit of the graph as well.
 *
 * @param {HTMLElement} element the host of the editor's shadow
 */
export function keepOwnUndo(element) {
  // Older front ends look at the type, newer ones at the second.
  Object.defineProperties(element, { type: { value: "textarea" }, isContentEditable: { value: true } });
}
