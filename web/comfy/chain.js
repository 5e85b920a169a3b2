// Hearing of what happens to one object of the front end: its callbacks are chained on the object itself.

/** Has `then` called each time after `object[name]`, for good. */
export function after(object, name, then) {
  const before = object[name];
  object[name] = function chained(...values) {
    const result = before?.apply(this, values);
    then();
    return result;
  };
}

/**
 * Has `then` called each time one of some widgets is given a value.
 *
 * @returns {(widgets: object[]) => void} says which widgets; those no longer among them get their callbacks back
 */
export function createWatch(then) {
  const stops = new Map();
  return (widgets) => {
    for (const [widget, stop] of stops) {
      if (widgets.includes(widget)) continue;
      stop();
      stops.delete(widget);
    }
    for (const widget of widgets) {
      if (!stops.has(widget)) stops.set(widget, watchOne(widget, then));
    }
  };
}

function watchOne(widget, then) {
  const before = widget.callback;
  let watching = true;
  function chained(...values) {
    const result = before?.apply(this, values);
    if (watching) then();
    return result;
  }
  widget.callback = chained;
  return () => {
    watching = false;
    // Somebody else may have chained theirs since; then ours stays below it and does nothing.
    if (widget.callback === chained) widget.callback = before;
  };
}
