// What runs have left for the editors: kept for every workflow by the nodes' execution ids, as long as the page lives.

/**
 * @param {EventTarget & {fetchApi: Function}} api the front end's: "executed" tells what a node has put out
 * @param {() => object} root gives the root graph
 * @param {() => void} news called after something has come in
 */
export function createRuns(api, root, news) {
  const workflows = new Map();
  const owners = new Map();

  function keptOf(id) {
    if (!workflows.has(id)) workflows.set(id, { clips: new Map(), tracks: new Map(), said: new Map() });
    return workflows.get(id);
  }

  /** The id of the workflow that was queued as a prompt: another tab may be open by the time it runs. */
  function ownerOf(prompt) {
    if (!owners.has(prompt)) owners.set(prompt, askOwner(api, prompt).catch(() => undefined));
    return owners.get(prompt);
  }

  async function keep({ detail }) {
    const node = String(detail.display_node ?? detail.node);
    const [clip] = detail.output?.dragavideo_clip ?? [];
    const [tracks] = detail.output?.dragavideo_tracks ?? [];
    const [said] = detail.output?.dragavideo_said ?? [];
    if (!clip && !tracks && !said) return;
    const shown = root().id;
    const kept = keptOf((await ownerOf(detail.prompt_id)) ?? shown);
    if (clip) kept.clips.set(node, clip);
    if (tracks) kept.tracks.set(node, tracks);
    if (said) kept.said.set(node, said);
    news();
  }

  api.addEventListener("executed", keep);
  return {
    /** The clip that the node with this execution id gave in the last run, if any. */
    clip: (id) => keptOf(root().id).clips.get(id),
    /** What the node with this execution id said of its last run: {level, lines}. */
    said: (id) => keptOf(root().id).said.get(id),
    /** [execution id, file] of every Point-Set Propagation that has run. */
    tracks: () => [...keptOf(root().id).tracks],
  };
}

/** The queue's items, and what history keeps of them, are [number, id, graph, extra data, ...]. */
async function askOwner(api, prompt) {
  const ask = async (path) => (await api.fetchApi(path)).json();
  const running = (await ask("/queue")).queue_running.find((item) => item[1] === prompt);
  const item = running ?? (await ask(`/history/${prompt}`))[prompt]?.prompt;
  return item?.[3]?.extra_pnginfo?.workflow?.id;
}
