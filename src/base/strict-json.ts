// JSON that people write: an object that says a key twice is a mistake, of which JSON.parse takes
// the second half in silence.

/**
 * The value of a text; throws an Error that says why it is no JSON, or which key an object has
 * twice.
 */
export function parseStrictJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  const again = keyTwice(text);
  if (again !== null) throw new Error(`${JSON.stringify(again)} is there twice in one object`);
  return value;
}

/** Of a text that is JSON: the first key that its object had before; null if there is none. */
function keyTwice(text: string): string | null {
  /** The keys of each object that is open; null for a list. */
  const open: (Set<string> | null)[] = [];
  let last = "";
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[[\]{}:]/g)) {
    if (token === "{") open.push(new Set());
    else if (token === "[") open.push(null);
    else if (token === "}" || token === "]") open.pop();
    else if (token === ":") {
      // Escapes are read, because one key may be written in two ways.
      const key = String(JSON.parse(last));
      const keys = open.at(-1);
      if (keys?.has(key) === true) return key;
      keys?.add(key);
    } else last = token;
  }
  return null;
}
