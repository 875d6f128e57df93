// Placeholders in variables, and the values that answers yield.

const DAY = 24 * 60 * 60 * 1000;
const KNOWN = {};
const FIXED = new Set();

/** Values that are known from the start; no answer replaces them. */
export function know(ids) {
  for (const [name, value] of Object.entries(ids ?? {})) {
    KNOWN[name] = value;
    FIXED.add(name);
  }
}

/** Takes from an answer what `capture` asks for: `{ name: "data.path.0.to" }`. */
export function capture(wanted, answer) {
  for (const [name, path] of Object.entries(wanted ?? {})) {
    const value = path.split(".").reduce((node, step) => node?.[step], answer);
    if (value !== undefined && value !== null && !FIXED.has(name)) KNOWN[name] = value;
  }
}

/** `value` with its placeholders filled in; those without a value stay, and are listed in `missing`. */
export function fill(value, missing, stamp = freshStamp()) {
  if (Array.isArray(value)) return value.map((item) => fill(item, missing, stamp));
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fill(item, missing, stamp)]));
  }
  return typeof value === "string" ? fillText(value, missing, stamp) : value;
}

function fillText(text, missing, stamp) {
  const date = /^\$(day|time)([+-]\d+)$/.exec(text);
  if (date) return fromNow(date[1], Number(date[2]));
  const name = /^\$(\w+)(\??)$/.exec(text);
  if (!name) return text.replace("$stamp", stamp);
  if (name[1] in KNOWN) return KNOWN[name[1]];
  if (name[2]) return null;
  missing.add(name[1]);
  return text;
}

function fromNow(kind, days) {
  const text = new Date(Date.now() + days * DAY).toISOString();
  return kind === "day" ? text.slice(0, 10) : `${text.slice(0, 19)}Z`;
}

function freshStamp() {
  return Math.floor(Date.now() / 1000).toString(36).slice(-5).toUpperCase();
}
