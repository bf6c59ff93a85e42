// The text of a source, as rules look at it: those about what the type checker does not know are in
// this folder, and each takes a file and says where it is broken.

export interface Source {
  /** Relative to the root of the repository. */
  readonly path: string;
  readonly text: string;
  /**
   * The text with comments, strings and regular expressions blanked, line by line as long as it
   * was.
   */
  readonly code: string;
}

/** `path:line: what`. */
export type Violation = string;

export function source(path: string, text: string): Source {
  return { path, text, code: blank(text) };
}

/** Characters after which a slash begins a regular expression, not a division. */
const BEFORE_REGEX = /(?:[=(,:[!&|?{};+\-*%<>~^]|\b(?:return|typeof|case|in|of))$/;

/** Replaces everything that is not code by spaces. */
export function blank(text: string): string {
  const out = [...text];
  /** For each template literal that is open: how deep the braces are in its expression. */
  const templates: number[] = [];
  const erase = (from: number, to: number) => {
    for (let k = from; k < to; k++) if (out[k] !== "\n") out[k] = " ";
  };
  let at = 0;
  /**
   * The end of a literal that begins at `from` and ends with `quote`; a template may stop at an
   * expression.
   */
  const endOf = (from: number, quote: string): number => {
    let k = from;
    let inClass = false;
    for (; k < text.length; k++) {
      const c = text[k];
      if (c === "\\") k++;
      else if (quote === "`" && c === "$" && text[k + 1] === "{") return k;
      else if (quote === "/" && c === "[") inClass = true;
      else if (quote === "/" && c === "]") inClass = false;
      else if (c === quote && !inClass) return k;
    }
    return k;
  };
  const literal = (from: number, quote: string) => {
    const end = endOf(from, quote);
    erase(from, end);
    at = end + 1;
    if (text[end] === "$") {
      templates.push(0);
      at = end + 2;
    }
  };
  while (at < text.length) {
    const c = text[at] ?? "";
    const two = text.slice(at, at + 2);
    const depth = templates.at(-1);
    if (two === "//" || two === "/*") {
      const found = text.indexOf(two === "//" ? "\n" : "*/", at + 2);
      const end = found < 0 ? text.length : found + (two === "//" ? 0 : 2);
      erase(at, end);
      at = end;
    } else if (c === '"' || c === "'" || c === "`") {
      literal(at + 1, c);
    } else if (c === "/" && BEFORE_REGEX.test(out.slice(0, at).join("").slice(-40).trimEnd())) {
      literal(at + 1, "/");
    } else if (depth !== undefined && c === "}" && depth === 0) {
      templates.pop();
      literal(at + 1, "`");
    } else {
      if (depth !== undefined && c === "{") templates[templates.length - 1] = depth + 1;
      if (depth !== undefined && c === "}") templates[templates.length - 1] = depth - 1;
      at++;
    }
  }
  return out.join("");
}

/** The number of the line, from 1 on, that this index of the text is in. */
export function lineOf(text: string, index: number): number {
  return text.slice(0, index).split("\n").length;
}

/** Every match of `pattern` (global) in the code, by line. */
export function matches({ path, code }: Source, pattern: RegExp, what: string): Violation[] {
  return [...code.matchAll(pattern)].map(
    (match) => `${path}:${lineOf(code, match.index)}: ${what}: ${match[0].trim()}`,
  );
}

/** What a module imports, with whether only types of it. */
export function imports({ text, code }: Source): { what: string; types: boolean; index: number }[] {
  const found = text.matchAll(/\b(?:import|export)\b(\s+type\b)?[^"';]*?\bfrom\s*"([^"]+)"/g);
  const plain = text.matchAll(/\bimport\b\s*()\(?\s*"([^"]+)"/g);
  return [...found, ...plain]
    .filter(({ index }) => code[index] !== " ")
    .map((match) => ({
      what: match[2] ?? "",
      types: match[1] !== undefined && match[1] !== "",
      index: match.index,
    }));
}
