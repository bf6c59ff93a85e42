// What clients ask: operations of the key-value store on a few contended keys, values never
// repeated.

import type { Bytes } from "../actor.ts";
import { encodeKvOperation } from "../app/operation.ts";
import type { Random } from "../base/seeded-random.ts";
import { EARLIER_CLIENT } from "./judge.ts";

function text(value: string): Bytes {
  return new Uint8Array(Buffer.from(value, "latin1"));
}

/**
 * The `number`-th operation of a client, on one of `keys` keys; `seen` is a state that the client
 * saw last.
 */
export function drawOperation(
  random: Random,
  options: { client: number; number: number; keys: number; valueMax: number; seen: Bytes | null },
): Bytes {
  const { client, number, keys, valueMax, seen } = options;
  // Operations of an earlier run may come again, and are in no history of this one.
  const name = client < EARLIER_CLIENT ? "k" : "earlier";
  const key = text(`${name}${random.int(keys)}`);
  const value = text(`${client}.${number};`.padEnd(random.between(1, valueMax), "."));
  switch (random.int(6)) {
    case 0:
    case 1:
      return encodeKvOperation({ kind: "get", key });
    case 2:
      return encodeKvOperation({ kind: "put", key, value });
    case 3:
      return encodeKvOperation({ kind: "append", key, value });
    case 4:
      return encodeKvOperation({ kind: "compareAndSet", key, expected: seen, value });
    default:
      return random.chance(0.3)
        ? encodeKvOperation({ kind: "delete", key })
        : encodeKvOperation({ kind: "put", key, value });
  }
}
