// What runs have left for the editors: kept for every workflow by the nodes' execution ids, as long as the page lives.

const PACK = "DragAVideo";

/**
 * @param {EventTarget & {fetchApi: Function}} api the front end's: "executed" tells what a node has put out
 * @param {() => object} root gives the root graph
 * @param {() => void} news called after something has come in
 */
export function createRuns(api, root, news) {
  const workflows = new Map();
  const owners = new Map();

  function keptOf(id) {
    if (!workflows.has(id)) workflows.set(id, { clips: new Map(), tracks: new Map(), results: new Map(), said: new Map(), refusal: null });
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
    const [result] = detail.output?.dragavideo_result ?? [];
    const [said] = detail.output?.dragavideo_said ?? [];
    if (!clip && !tracks && !result && !said) return;
    const shown = root().id;
    const kept = keptOf((await ownerOf(detail.prompt_id)) ?? shown);
    if (clip) kept.clips.set(node, clip);
    if (tracks) kept.tracks.set(node, tracks);
    if (result) kept.results.set(node, result);
    if (said) kept.said.set(node, { ...said, at: performance.now() }); // the same words again are news all the same
    news();
  }

  async function refuse({ detail }) {
    if (!detail.node_type?.startsWith(PACK)) return;
    const shown = root().id;
    const kept = keptOf((await ownerOf(detail.prompt_id)) ?? shown);
    kept.refusal = { node: String(detail.node_id), message: detail.exception_message.trim(), at: performance.now() };
    news();
  }

  /** What was refused before the queue; the page that asked is the one that shows the node. */
  function refuseEarly({ detail }) {
    keptOf(root().id).refusal = { ...detail, at: performance.now() };
    news();
  }

  function started() {
    const kept = keptOf(root().id);
    // A run of what was not refused begins right after a refusal.
    if (!kept.refusal || performance.now() - kept.refusal.at < 2000) return;
    kept.refusal = null;
    news();
  }

  api.addEventListener("executed", keep);
  api.addEventListener("execution_error", refuse);
  api.addEventListener("dragavideo_refused", refuseEarly);
  api.addEventListener("execution_start", started);
  return {
    /** The clip that the node with this execution id gave in the last run, if any. */
    clip: (id) => keptOf(root().id).clips.get(id),
    /** What the node with this execution id said of its last run: {level, lines}. */
    said: (id) => keptOf(root().id).said.get(id),
    /** What the pack refused last: {node: execution id, message}, or null. */
    refusal: () => keptOf(root().id).refusal,
    /** [execution id, frames] of every Decode that has run. */
    results: () => [...keptOf(root().id).results],
    /** [execution id, {level, lines}] of every node that said something. */
    allSaid: () => [...keptOf(root().id).said],
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
