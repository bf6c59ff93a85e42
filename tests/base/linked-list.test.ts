// Shows that a linked list keeps its order whatever is taken out of it.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { LinkedList, type Linked } from "../../src/base/linked-list.ts";

interface Item extends Linked<Item> {
  readonly name: number;
}

test("it is what an array would be, with the same items pushed and removed", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20), { maxLength: 60 }), (steps) => {
      const list = new LinkedList<Item>();
      const model: Item[] = [];
      for (const [name, step] of steps.entries()) {
        const [removed] = step < model.length ? model.splice(step, 1) : [];
        if (removed !== undefined) list.remove(removed);
        // What was removed is pushed again, as of an item that changes its place.
        const item =
          step % 2 === 0 && removed !== undefined ? removed : { name, before: null, after: null };
        list.push(item);
        model.push(item);
        const names: number[] = [];
        for (let at = list.first; at !== null; at = at.after) names.push(at.name);
        expect(names).toEqual(model.map((one) => one.name));
        expect(model.at(-1)?.after).toBeNull();
        expect(model.map(({ before }) => before)).toEqual([null, ...model.slice(0, -1)]);
      }
    }),
  );
});
