// What runs have left for the editors: kept for every workflow by the nodes' execution ids, as long as the page lives.

/**
 * @param {EventTarget} api the front end's: "executed" tells what a node has put out
 * @param {() => object} root gives the root graph
 * @param {() => void} news called after something has come in
 */
export function createRuns(api, root, news) {
  const workflows = new Map();

  function kept() {
    const { id } = root();
    if (!workflows.has(id)) workflows.set(id, { clips: new Map(), tracks: new Map() });
    return workflows.get(id);
  }

  function keep({ detail }) {
    const node = String(detail.display_node ?? detail.node);
    const [clip] = detail.output?.dragavideo_clip ?? [];
    const [tracks] = detail.output?.dragavideo_tracks ?? [];
    if (clip) kept().clips.set(node, clip);
    if (tracks) kept().tracks.set(node, tracks);
    if (clip || tracks) news();
  }

  api.addEventListener("executed", keep);
  return {
    /** The clip that the node with this execution id gave in the last run, if any. */
    clip: (id) => kept().clips.get(id),
    /** [execution id, file] of every Point-Set Propagation that has run. */
    tracks: () => [...kept().tracks],
  };
}
