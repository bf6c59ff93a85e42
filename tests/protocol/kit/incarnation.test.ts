import { expect, test } from "bun:test";
import fc from "fast-check";
import { Incarnations, type Dated } from "../../../src/protocol/kit/incarnation.ts";

const N = 4;
const vectors = fc.array(fc.nat(3), { minLength: N, maxLength: N });
const dated = fc.record({ replica: fc.nat(N - 1), vector: vectors });

/** As the paper says it: compares each message with each. */
function reference(messages: readonly Dated[]): Dated[] {
  return messages.filter((one) =>
    messages.every(({ vector }) => (one.vector[one.replica] ?? 0) >= (vector[one.replica] ?? 0)),
  );
}

test("FW4 what another one tells to be of a life that is over does not count", () => {
  fc.assert(
    fc.property(fc.array(dated, { maxLength: 6 }), (messages) => {
      const kept = new Incarnations(0, N).consistent(messages);
      expect(kept).toEqual(reference(messages) as typeof kept);
    }),
  );
});

test("FW4 numbers only rise, and one of this replica above its own is found", () => {
  fc.assert(
    fc.property(fc.array(vectors, { maxLength: 5 }), (told) => {
      const incarnations = new Incarnations(1, N);
      for (const vector of told) {
        const before = [...incarnations.vector];
        incarnations.merge(vector);
        for (const [i, number] of incarnations.vector.entries()) {
          expect(number).toBe(Math.max(before[i] ?? 0, vector[i] ?? 0));
        }
      }
      const highest = Math.max(0, ...told.map((vector) => vector[1] ?? 0));
      expect(incarnations.exceeded).toBe(highest > 0);
      incarnations.become(highest);
      expect(incarnations.exceeded).toBe(false);
      expect(incarnations.own).toBe(highest);
    }),
  );
});

test("FW4 a vector of more replicas than there are tells nothing of those", () => {
  const incarnations = new Incarnations(0, 2);
  incarnations.merge([1, 2, 3]);
  incarnations.learn(7, 1);
  expect(incarnations.vector).toEqual([1, 2]);
});
