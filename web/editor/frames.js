// Pictures of a clip's frames: loaded once, kept as far as they fit, closed when they are not needed any more.

const KEPT_PIXELS = 45e6;
/** Room for 48 frames of 1280x720: 180 MB as bitmaps. */
const AHEAD = 6;
const RETRY_MS = 3000;

/**
 * @param {(position: number) => void} arrived called when the picture of a wanted frame is there
 * @param {(position: number, error: Error) => void} failed
 */
export function createFrames(arrived, failed) {
  let clip = null;
  let kept = new Map();
  let loading = new Set();
  let lost = new Map();

  function load(position) {
    if (kept.has(position) || loading.has(position)) return;
    if (performance.now() - (lost.get(position) ?? -Infinity) < RETRY_MS) return;
    const asked = clip;
    loading.add(position);
    Promise.resolve().then(() => asked.frame(position)).then(
      (picture) => (asked === clip ? keep(position, picture) : close(picture)),
      (error) => asked === clip && lose(position, error),
    );
  }

  function keep(position, picture) {
    loading.delete(position);
    kept.set(position, picture);
    const room = Math.max(2 + AHEAD, Math.floor(KEPT_PIXELS / (picture.width * picture.height)));
    for (const [old, oldPicture] of kept) {
      if (kept.size <= room) break;
      if (old === position) continue;
      kept.delete(old);
      close(oldPicture);
    }
    arrived(position);
  }

  function lose(position, error) {
    loading.delete(position);
    lost.set(position, performance.now());
    failed(position, error);
  }

  function forget() {
    for (const picture of kept.values()) close(picture);
    [kept, loading, lost] = [new Map(), new Set(), new Map()];
  }

  return {
    setClip(next) {
      forget();
      clip = next;
    },
    /** The frame's picture, or null while it is being loaded (then `arrived` is called). */
    get(position) {
      if (!clip) return null;
      load(position);
      const picture = kept.get(position) ?? null;
      if (picture) {
        kept.delete(position);
        kept.set(position, picture); // the last used is the last to go
      }
      return picture;
    },
    has: (position) => kept.has(position),
    /** Starts to load the frames that follow, from the first again after the last. */
    prefetch(position) {
      const count = clip?.indices.length ?? 0;
      for (let i = 1; i <= Math.min(AHEAD, count - 1); i += 1) load((position + i) % count);
    },
    destroy() {
      forget();
      clip = null;
    },
  };
}

function close(picture) {
  picture?.close?.(); // an ImageBitmap; an <img> has nothing to close
}
