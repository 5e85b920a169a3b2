// The masks of the tracks as pictures in the mask's colour, decoded when they are first seen.

import { INK } from "./ink.js";

const KEPT = 32;
const ALPHA = 0.34;

/** @param {() => void} arrived called when a mask that was asked for is there */
export function createMasks(arrived) {
  let sources = [];
  let tinted = new Map();

  async function decode(position) {
    const asked = sources;
    const picture = new Image();
    picture.src = `data:image/png;base64,${asked[position]}`;
    try {
      await picture.decode();
    } catch {
      return; // stays without a tint
    }
    if (asked !== sources) return;
    tinted.set(position, tint(picture));
    for (const old of tinted.keys()) {
      if (tinted.size <= KEPT) break;
      tinted.delete(old);
    }
    arrived();
  }

  return {
    setSources(masks) {
      [sources, tinted] = [masks ?? [], new Map()];
    },
    /** The tinted mask of a position in the tracks; null without one, or while it is being decoded. */
    get(position) {
      if (!sources[position]) return null;
      if (!tinted.has(position)) {
        tinted.set(position, null);
        decode(position);
      }
      return tinted.get(position);
    },
  };
}

/** White becomes the mask's colour, black nothing: the picture's brightness is its alpha. */
function tint(picture) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [picture.naturalWidth, picture.naturalHeight];
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(picture, 0, 0);
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height);
  const colour = [1, 3, 5].map((i) => parseInt(INK.mask.slice(i, i + 2), 16));
  for (let i = 0; i < pixels.data.length; i += 4) {
    pixels.data[i + 3] = pixels.data[i] * ALPHA;
    for (let c = 0; c < 3; c += 1) pixels.data[i + c] = colour[c];
  }
  context.putImageData(pixels, 0, 0);
  return canvas;
}
