// Clips as the editor takes them: from a file that the server can read, or from the pictures that a run left behind.

const LONGEST_SIDE = 1280;
/** Pictures larger than this would only be scaled down on the screen. */
const USUAL_RATE = 24;
const EXACT = 1e-6;

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
 * @returns {Promise<{clip: EditorClip | null, count: number, instruction: string}>} no clip where no frame is taken of
 *   the `count` that come in; an example's own points
 * @throws {Error} with the server's message where the file cannot be read
 */
export async function fileClip(origin, api) {
  const query = { source: origin.source, name: origin.name };
  const about = await (await get(api, "/dragavideo/clip", query)).json();
  const instruction = about.instruction ?? "";
  const [width, height] = sizeOf(origin, about);
  const { indices, files, count, rate } = framesTaken(origin, about);
  const load = (position) =>
    picture(api, "/dragavideo/frame", {
      ...query,
      index: files[position],
      longest: LONGEST_SIDE,
      version: about.version,
    }).then((bitmap) => cropped(bitmap, width / height));
  const key = JSON.stringify([origin.source, origin.name, about.version, indices, files, width, height]);
  const clip = indices.length ? { key, width, height, fps: rate, indices, frame: load } : null;
  return { clip, count, instruction };
}

/**
 * Which frames are taken: the numbers in the batch that enters Prepare Clip, and in the file.
 *
 * @param {import("./upstream.js").Origin} origin
 * @param {{frames: number, fps: number, every?: number, limit?: number}} about what the server says of the file
 */
export function framesTaken(origin, about) {
  const { first, step, cap, group = 1, rate = 0 } = origin.batch ?? { first: 0, step: 1, cap: 0 };
  const fps = about.fps || USUAL_RATE;
  /** Frames of the file from one to the next at the rate that they are taken at. */
  const pace = rate > 0 ? fps / rate : 1;
  const counted = rate > 0 ? Math.floor((about.frames - 1) / pace + EXACT) + 1 : about.frames;
  const there = Math.max(0, Math.ceil((counted - first) / step));
  const given = cap > 0 ? Math.min(cap, there) : there;
  const count = given && Math.floor((given - 1) / group) * group + 1;
  const { start, every, limit } = origin.taken ?? { start: 0, every: about.every, limit: origin.limit || about.limit };
  const indices = [];
  for (let i = start; i < count && indices.length < limit; i += every) indices.push(i);
  // The first frame that is not earlier than its time.
  const files = indices.map((i) => Math.ceil((first + i * step) * pace - EXACT));
  return { indices, files, count, rate: fps / pace / (step * every) };
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

/** The size [width, height] at which a file's picture comes in: resized as asked, rounded to multiples. */
function sizeOf({ multiple = 1, resized = [0, 0] }, about) {
  const [wide, high] = resized;
  const shape = about.width / about.height;
  const width = wide || (high ? high * shape : about.width);
  const height = high || (wide ? wide / shape : about.height);
  return [width, height].map((side) => Math.max(1, Math.floor(side / multiple + 0.5)) * multiple);
}

/** The middle of a picture in another shape (width / height); itself where it has that shape. */
async function cropped(bitmap, shape) {
  const [width, height] = [Math.min(bitmap.width, bitmap.height * shape), Math.min(bitmap.height, bitmap.width / shape)];
  if (bitmap.width - width < 1 && bitmap.height - height < 1) return bitmap;
  const middle = await createImageBitmap(
    bitmap, Math.round((bitmap.width - width) / 2), Math.round((bitmap.height - height) / 2),
    Math.round(width), Math.round(height),
  );
  bitmap.close();
  return middle;
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
