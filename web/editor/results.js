// What a run left, as part of the model: the edited clip and which of the two is seen, how it went, what was refused.

/**
 * @param {() => ReturnType<import("./model.js").createModel>} model
 * @param {() => void} forgetGesture
 * @param {() => void} refresh
 */
export function resultActions(model, forgetGesture, refresh) {
  return {
    setResult(result) {
      model().result = result;
      if (!model().canCompare) model().shown = "source";
      refresh();
    },
    show(what) {
      if (what !== "source" && !model().canCompare) return;
      forgetGesture();
      [model().shown, model().selection, model().hover] = [what, null, null];
      refresh();
    },
    /** Where the one clip ends and the other begins, 0 to 1 of the width. */
    setWipe(share) {
      model().wipe = Math.min(Math.max(share, 0), 1);
      refresh();
    },
    setVerdict(verdict) {
      model().verdict = verdict;
      refresh();
    },
    setRefusal(message) {
      model().refusal = message;
      refresh();
    },
  };
}
