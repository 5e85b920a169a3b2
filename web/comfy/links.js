// Follows links of a graph upstream: through reroutes, bypassed nodes and the borders of subgraphs, in both directions.
//
// A place is { graph, path }: a graph, and the subgraph nodes that lead from the root graph into it. A source is
// { node, slot, place }: what finally feeds an input. Of the front end only the graph's own data is used: nodes, modes,
// inputs, outputs, links (origin_id, origin_slot), and a subgraph's outputs.

const MUTED = 2;
const BYPASSED = 4;
const REROUTES = new Set(["Reroute", "Reroute (rgthree)"]);
const LONGEST_WAY = 200;

/** Why a way upstream ends without a source. */
export const OPEN = "open";
export const MUTE = "mute";

/**
 * What feeds an input.
 *
 * @param {object} place where the node of the input is
 * @param {object | undefined} input one of the node's inputs
 * @returns {{node, slot, place} | {end: string, node?: object, input?: object}} the source; or the end of the way:
 *   `node` is muted; or nothing is connected, then `node` and `input` are the subgraph's that was left last, if any
 */
export function sourceOf(place, input) {
  let end = { end: OPEN };
  let link = linkOf(place.graph, input);
  for (let i = 0; link && i < LONGEST_WAY; i += 1) {
    if (leavesGraph(place.graph, link)) {
      const node = place.path.at(-1);
      if (!node) return { end: OPEN };
      place = { graph: node.graph, path: place.path.slice(0, -1) };
      const outer = node.inputs[link.origin_slot];
      end = { end: OPEN, node, input: outer };
      link = linkOf(place.graph, outer);
      continue;
    }
    const node = place.graph.getNodeById(link.origin_id);
    const slot = link.origin_slot;
    end = { end: OPEN };
    if (!node) return end;
    if (node.mode === MUTED) return { end: MUTE, node };
    if (node.mode === BYPASSED) {
      link = linkOf(place.graph, bypassInput(node, slot));
    } else if (node.subgraph) {
      place = { graph: node.subgraph, path: [...place.path, node] };
      link = place.graph.getLink(node.subgraph.outputs[slot]?.linkIds?.[0]);
    } else if (REROUTES.has(node.type)) {
      link = linkOf(place.graph, node.inputs?.[0]);
    } else {
      return { node, slot, place };
    }
  }
  return end;
}

/** The place of a node: the first of the ways from the root graph into the node's graph, null where there is none. */
export function placeOf(node, root) {
  return node.graph ? findPlace({ graph: root, path: [] }, node.graph) : null;
}

function findPlace(place, graph) {
  if (place.graph === graph) return place;
  for (const node of place.graph.nodes) {
    const inside = node.subgraph && findPlace({ graph: node.subgraph, path: [...place.path, node] }, graph);
    if (inside) return inside;
  }
  return null;
}

/** The node's name in the server's messages: ids from the root graph inwards, such as "12:3". */
export function executionId(place, node) {
  return [...place.path, node].map((one) => one.id).join(":");
}

/** The node and its place behind such a name, or null. */
export function nodeOf(root, id) {
  let place = { graph: root, path: [] };
  const ids = String(id).split(":");
  for (const outer of ids.slice(0, -1)) {
    const node = place.graph.getNodeById(outer);
    if (!node?.subgraph) return null;
    place = { graph: node.subgraph, path: [...place.path, node] };
  }
  const node = place.graph.getNodeById(ids.at(-1));
  return node ? { node, place } : null;
}

/** The input of a node by name. */
export function inputOf(node, name) {
  return node.inputs?.find((input) => input.name === name);
}

/** Whether a link ends at this input of a node. */
export function isLinked(input) {
  return (input?.link ?? null) !== null;
}

function linkOf(graph, input) {
  return isLinked(input) ? graph.getLink(input.link) : null;
}

function leavesGraph(graph, link) {
  return graph.inputNode !== undefined && String(link.origin_id) === String(graph.inputNode.id);
}

/** The input that a bypassed node hands on: of the output's type, that of the same number before the first. */
function bypassInput(node, slot) {
  const { type } = node.outputs[slot];
  const same = node.inputs[slot];
  return same?.type === type ? same : node.inputs.find((input) => input.type === type);
}
