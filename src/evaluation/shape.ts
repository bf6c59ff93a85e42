// Shapes of JSON: what a value that was read must be at least.

export type Shape =
  | "string"
  | "number"
  | "boolean"
  | "number or null"
  | "string or null"
  | "string or number"
  | { readonly listOf: Shape }
  | { readonly mapOf: Shape }
  | { readonly optional: Shape }
  | { readonly fields: { readonly [name: string]: Shape } };

/** An object with these numbers. */
export function numbers(...names: readonly string[]): Shape {
  return { fields: Object.fromEntries(names.map((name) => [name, "number"])) };
}

/** What is wrong with a value, or null; `path` says where in the line it stands. */
export function mismatch(value: unknown, shape: Shape, path: string): string | null {
  const expected = (what: string): string => `${path === "" ? "the line" : path}: expected ${what}`;
  if (shape === "number or null") {
    return value === null || Number.isFinite(value) ? null : expected(shape);
  }
  if (shape === "string or null") {
    return value === null || typeof value === "string" ? null : expected(shape);
  }
  if (shape === "string or number") {
    return typeof value === "string" || Number.isFinite(value) ? null : expected(shape);
  }
  if (shape === "number") return Number.isFinite(value) ? null : expected("a number");
  if (typeof shape === "string") return typeof value === shape ? null : expected(`a ${shape}`);
  if ("optional" in shape)
    return value === undefined ? null : mismatch(value, shape.optional, path);
  if ("listOf" in shape) {
    if (!Array.isArray(value)) return expected("a list");
    return first(value.entries(), (index, item) =>
      mismatch(item, shape.listOf, `${path}[${index}]`),
    );
  }
  if (!isObject(value)) return expected("an object");
  const below = (name: string | number): string => (path === "" ? `${name}` : `${path}.${name}`);
  if ("mapOf" in shape) {
    const entries = Object.entries(value);
    return first(entries, (name, item) => mismatch(item, shape.mapOf, below(name)));
  }
  const fields = Object.entries(shape.fields);
  return first(fields, (name, field) => mismatch(value[name], field, below(name)));
}

/** The first thing that is wrong with any of the entries. */
function first<K, V>(
  entries: Iterable<[K, V]>,
  check: (key: K, value: V) => string | null,
): string | null {
  for (const [key, value] of entries) {
    const wrong = check(key, value);
    if (wrong !== null) return wrong;
  }
  return null;
}

export function isObject(value: unknown): value is { readonly [name: string]: unknown } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
