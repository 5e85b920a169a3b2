// Small helpers for making elements.

const SVG = "http://www.w3.org/2000/svg";

/**
 * An HTML element.
 *
 * @param {string} tag
 * @param {Record<string, string | boolean>} attributes true sets an empty one, false leaves it out
 * @param {...(Node | string)} children
 */
export function el(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** An SVG element. */
export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

/** Sets an element's text if it is another one, so that screen readers do not say it twice. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
