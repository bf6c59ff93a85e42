// What programs choose by a name of their command line, and may have more of.

/** Adds an item to a registry. Throws RangeError for a name that is taken, or that is none. */
export function addNamed<T>(registry: Map<string, T>, name: string, item: T): void {
  if (!/^[a-z][a-z0-9-]*$/.test(name)) {
    throw new RangeError(`${name}: a name has lower-case letters, digits and hyphens`);
  }
  if (registry.has(name)) throw new RangeError(`${name}: there is one of that name`);
  registry.set(name, item);
}
