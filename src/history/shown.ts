// Values of histories as people read them.

/** A value in a line of text, shortened. */
export function shown(value: string | null): string {
  if (value === null) return "nothing";
  const text = JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}...` : value);
  return /^"-?\d+"$/.test(text) ? value : text;
}
