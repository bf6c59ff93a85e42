// Shows that JSON of users is read as JSON.parse does, but for keys that are said twice.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { parseStrictJson } from "../../src/base/strict-json.ts";

test("reads what JSON.parse reads", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = JSON.stringify(value);
      expect(parseStrictJson(text)).toEqual(JSON.parse(text));
    }),
  );
  expect(() => parseStrictJson("{")).toThrow();
});

test("a key twice in one object is refused, however it is written", () => {
  const twice = (text: string, key: string) =>
    expect(() => parseStrictJson(text)).toThrow(`"${key}" is there twice in one object`);
  twice('{"a": 1, "a": 1}', "a");
  twice('[{"x": {"a": [], "b": {}, "\\u0061": 2}}]', "a");
  twice('{"a:{": "a", "a:{": 2}', "a:{");
});

test("one key of several objects is no key twice, nor is a value", () => {
  const text = '{"a": {"a": [{"a": 1}, {"a": 2}]}, "b": "a", "c": ["b", "b"], "d": "\\"b\\":"}';
  expect(parseStrictJson(text)).toEqual(JSON.parse(text));
});
