// What values in a plan may be.

/** Reads a value of a plan; undefined if it is not one. */
export interface Kind<T> {
  readonly expected: string;
  read(value: unknown): T | undefined;
}

export function choice<T extends string>(choices: readonly T[]): Kind<T> {
  return {
    expected: choices.join(", "),
    read: (value) => choices.find((one) => one === value),
  };
}

export function number(min: number, max: number): Kind<number> {
  return {
    expected: `a number from ${min} to ${max}`,
    read: (value) =>
      typeof value === "number" && value >= min && value <= max ? value : undefined,
  };
}

export function integer(min: number, max: number): Kind<number> {
  const { read } = number(min, max);
  return {
    expected: `a whole number from ${min} to ${max}`,
    read: (value) => (Number.isInteger(value) ? read(value) : undefined),
  };
}

export function orNull<T>({ expected, read }: Kind<T>): Kind<T | null> {
  return {
    expected: `${expected}, or null for the default`,
    read: (value) => (value === null ? null : read(value)),
  };
}

export function boolean(): Kind<boolean> {
  return {
    expected: "true or false",
    read: (value) => (typeof value === "boolean" ? value : undefined),
  };
}

export function nonEmpty(): Kind<string> {
  return {
    expected: "a text",
    read: (value) => (typeof value === "string" && value.trim() !== "" ? value : undefined),
  };
}
