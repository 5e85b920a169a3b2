// Reads JSON as Python's json module does (NaN, Infinity) and, failing that, a Python literal ('single quotes',
// True, None, tuples, a comma too many), because people paste both and the node's own parser takes both.

const JSON_DIALECT = {
  names: { true: true, false: false, null: null, NaN: NaN, Infinity: Infinity, "-Infinity": -Infinity },
  quotes: '"',
  brackets: { "[": "]" },
  lastComma: false,
};

const PYTHON_DIALECT = {
  names: { True: true, False: false, None: null },
  quotes: "\"'",
  brackets: { "[": "]", "(": ")" },
  lastComma: true,
};

const DEEPEST = 200;
const ESCAPES = { n: "\n", t: "\t", r: "\r", b: "\b", f: "\f" };

/**
 * The value that a text stands for.
 *
 * @param {string} text JSON or a Python literal
 * @returns {unknown} plain objects, arrays, strings, numbers (also NaN), booleans, null
 * @throws {SyntaxError} neither; the message says what JSON expected and on which line (from 1)
 */
export function readLiteral(text) {
  try {
    return JSON.parse(text);
  } catch {
    try {
      return read(text, JSON_DIALECT);
    } catch (asJson) {
      try {
        return read(text, PYTHON_DIALECT);
      } catch {
        throw asJson;
      }
    }
  }
}

function read(text, dialect) {
  const reader = { text, at: 0, dialect };
  const value = readValue(reader, 0);
  skipSpace(reader);
  if (reader.at < text.length) fail(reader, "Extra data");
  return value;
}

function fail(reader, what) {
  const line = reader.text.slice(0, reader.at).split("\n").length;
  throw new SyntaxError(`${what}, line ${line}`);
}

function skipSpace(reader) {
  while (/\s/.test(reader.text[reader.at] ?? "")) reader.at += 1;
}

/** Steps over `mark` if it comes next. */
function take(reader, mark) {
  skipSpace(reader);
  const found = reader.text[reader.at] === mark;
  if (found) reader.at += 1;
  return found;
}

function readValue(reader, depth) {
  if (depth > DEEPEST) fail(reader, "Nested too deeply");
  skipSpace(reader);
  const { text, at, dialect } = reader;
  const next = text[at] ?? "";
  if (next === "{") return readObject(reader, depth);
  if (next in dialect.brackets) return readList(reader, dialect.brackets[next], depth);
  if (next && dialect.quotes.includes(next)) return readString(reader);
  const word = /^-?[A-Za-z_]+/.exec(text.slice(at))?.[0];
  if (word !== undefined && Object.hasOwn(dialect.names, word)) {
    reader.at += word.length;
    return dialect.names[word];
  }
  return readNumber(reader);
}

function readNumber(reader) {
  const found = /^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?/.exec(reader.text.slice(reader.at));
  if (!found) fail(reader, "Expecting value");
  reader.at += found[0].length;
  return Number(found[0]);
}

function readString(reader) {
  const { text } = reader;
  const quote = text[reader.at];
  let value = "";
  for (let at = reader.at + 1; at < text.length; at += 1) {
    if (text[at] === quote) {
      reader.at = at + 1;
      return value;
    }
    if (text[at] === "\n") break;
    if (text[at] !== "\\") {
      value += text[at];
    } else if (text[at + 1] === "u") {
      value += String.fromCharCode(parseInt(text.slice(at + 2, at + 6), 16));
      at += 5;
    } else {
      at += 1;
      value += ESCAPES[text[at]] ?? text[at] ?? "";
    }
  }
  return fail(reader, "Unterminated string");
}

function readList(reader, closing, depth) {
  reader.at += 1;
  const items = [];
  if (take(reader, closing)) return items;
  for (;;) {
    items.push(readValue(reader, depth + 1));
    if (take(reader, closing)) return items;
    if (!take(reader, ",")) fail(reader, "Expecting ',' delimiter");
    if (reader.dialect.lastComma && take(reader, closing)) return items;
  }
}

function readObject(reader, depth) {
  reader.at += 1;
  const entries = [];
  if (take(reader, "}")) return {};
  for (;;) {
    skipSpace(reader);
    const next = reader.text[reader.at] ?? "";
    if (!next || !reader.dialect.quotes.includes(next)) {
      fail(reader, "Expecting property name enclosed in double quotes");
    }
    const key = readString(reader);
    if (!take(reader, ":")) fail(reader, "Expecting ':' delimiter");
    entries.push([key, readValue(reader, depth + 1)]);
    if (take(reader, "}")) return Object.fromEntries(entries);
    if (!take(reader, ",")) fail(reader, "Expecting ',' delimiter");
    if (reader.dialect.lastComma && take(reader, "}")) return Object.fromEntries(entries);
  }
}
