// Clips as the editor takes them: from a file that the server can read, or from the pictures that a run left behind.

const LONGEST_SIDE = 1280;
/** Pictures larger than this would only be scaled down on the screen. */
const USUAL_RATE = 24;

/**
 * @typedef {object} EditorClip
 * @property {string} key another key means another clip
 * @property {number} width of the source, px
 * @property {number} height of the source, px
 * @property {number} fps frames a second
 * @property {number[]} indices for each frame of the clip its number in the file or batch that enters Prepare Clip
 * @property {(position: number) => Promise<ImageBitmap>} frame the picture at a position of the clip
 */

/**
 * The clip that a file will give.
 *
 * @param {import("./upstream.js").Origin} origin of kind "file"
 * @param {{fetchApi: Function}} api the front end's
 * @returns {Promise<{clip: EditorClip | null, known: boolean, count: number, instruction: string}>} no clip where no
 *   frame is taken of the `count` that come in, or where only a run tells what it is (then not `known`); an example's
 *   own points
 * @throws {Error} with the server's message where the file cannot be read
 */
export async function fileClip(origin, api) {
  const query = { source: origin.source, name: origin.name };
  const about = await (await get(api, "/dragavideo/clip", query)).json();
  const instruction = about.instruction ?? "";
  const { width, height } = about;
  const multiple = origin.multiple ?? 1;
  if (width % multiple || height % multiple) return { clip: null, known: false, count: 0, instruction };
  const { indices, files, count, rate } = framesTaken(origin, about);
  const load = (position) =>
    picture(api, "/dragavideo/frame", {
      ...query,
      index: files[position],
      longest: LONGEST_SIDE,
      version: about.version,
    });
  const key = JSON.stringify([origin.source, origin.name, about.version, indices, files]);
  const clip = indices.length ? { key, width, height, fps: rate, indices, frame: load } : null;
  return { clip, known: true, count, instruction };
}

/**
 * Which frames are taken: the numbers in the batch that enters Prepare Clip, and in the file.
 *
 * @param {import("./upstream.js").Origin} origin
 * @param {{frames: number, fps: number, every?: number, limit?: number}} about what the server says of the file
 */
export function framesTaken(origin, about) {
  const { first, step, cap, group = 1 } = origin.batch ?? { first: 0, step: 1, cap: 0 };
  const there = Math.max(0, Math.ceil((about.frames - first) / step));
  const given = cap > 0 ? Math.min(cap, there) : there;
  const count = given && Math.floor((given - 1) / group) * group + 1;
  const { start, every, limit } = origin.taken ?? { start: 0, every: about.every, limit: origin.limit || about.limit };
  const indices = [];
  for (let i = start; i < count && indices.length < limit; i += every) indices.push(i);
  const files = indices.map((i) => first + i * step);
  return { indices, files, count, rate: (about.fps || USUAL_RATE) / (step * every) };
}

/**
 * The clip whose pictures a run has left in ComfyUI's temporary folder.
 *
 * @param {{frames: {filename: string, subfolder: string, type: string}[], size: [number, number], indices: number[],
 *   fps: number}} value as Prepare Clip reports it
 * @returns {EditorClip}
 */
export function runClip(value, api) {
  const [width, height] = value.size;
  const { filename, subfolder } = value.frames[0];
  return {
    key: JSON.stringify([subfolder, filename, value.indices]),
    width,
    height,
    fps: value.fps || USUAL_RATE,
    indices: value.indices,
    frame: (position) => picture(api, "/view", value.frames[position]),
  };
}

/** The tracks that a run of Point-Set Propagation has left there. */
export async function runTracks(file, api) {
  return (await get(api, "/view", file)).json();
}

async function picture(api, route, query) {
  return createImageBitmap(await (await get(api, route, query)).blob());
}

async function get(api, route, query) {
  // The front end would ask the server again for each picture; the routes say themselves how long theirs hold.
  const answer = await api.fetchApi(`${route}?${new URLSearchParams(query)}`, { cache: "default" });
  if (!answer.ok) throw new Error(await reason(answer));
  return answer;
}

async function reason(answer) {
  const text = await answer.text();
  try {
    return JSON.parse(text).error;
  } catch {
    return `${answer.status} ${answer.statusText}`;
  }
}
