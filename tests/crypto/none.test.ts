// Shows what the stage of protocols without signatures lets through: what has none, at once.

import { expect, test } from "bun:test";
import { NO_PROOFS } from "../../src/actor.ts";
import { NoStage } from "../../src/crypto/none.ts";
import { EMPTY } from "../../src/wire.ts";

test("what has no signature needs no check, and what has one holds for nobody", () => {
  const stage = new NoStage();
  expect(stage.knows(NO_PROOFS)).toBe(true);
  const signed = [{ signer: 0, signed: EMPTY, signature: EMPTY }];
  expect(stage.knows(signed)).toBe(false);
  const verdicts: boolean[] = [];
  stage.verify(signed, null, (valid) => verdicts.push(valid));
  expect(verdicts).toEqual([false]);
});
