// What readers of the instruction share.

export const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
export const isNumber = (value) => typeof value === "number" && Number.isFinite(value);
export const rounded = (numbers) => numbers.map((v) => Math.round(v * 100) / 100 + 0);

/** @throws {Error} always */
export function fail(message) {
  throw new Error(message);
}

/** A value in an error message, not longer than a line. */
export function show(value) {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
