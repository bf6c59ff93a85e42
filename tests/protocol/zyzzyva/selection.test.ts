// What a view begins with: the repaired rule, and the published one beside it.

import { expect, test } from "bun:test";
import { byzantineQuorums, quorumsOf } from "../../../src/protocol/kit/quorum.ts";
import { select } from "../../../src/protocol/zyzzyva/selection.ts";
import type { ViewChangeMessage } from "../../../src/protocol/zyzzyva/message.ts";
import { published } from "../../mutants/zyzzyva.ts";
import { A, B, begun, C, certified, change, D, historyOf } from "./harness.ts";

const QUORUMS = quorumsOf({ n: 4, f: 1 });

/** The names of the batches that a view begins with. */
function begins(changes: readonly ViewChangeMessage[], quorums = QUORUMS): string | null {
  const beginning = select(changes, quorums);
  return beginning === null ? null : named(beginning.chain.digests);
}

function named(digests: readonly Uint8Array[]): string {
  const names = new Map([A, B, C, D].map(({ digest }, i) => [digest.toHex(), "ABCD"[i]]));
  return digests.map((digest) => names.get(digest.toHex()) ?? "?").join("");
}

test("Z17 a batch counts that q - f of the highest active view report, slot by slot", () => {
  expect(begins([change(0, 1, [A, B]), change(1, 1, [A, B]), change(2, 1, [A, C])])).toBe("AB");
  expect(begins([change(0, 1, [A]), change(1, 1, [B]), change(2, 1, [C])])).toBe("");
  expect(begins([change(0, 1, []), change(1, 1, []), change(2, 1, [A])])).toBe("");
});

test("Z17 a certificate of the highest active view counts, whatever others report", () => {
  const certificate = certified(0, [A]);
  const changes = [change(1, 1, [A], { certificate }), change(2, 1, [B]), change(3, 1, [B])];
  expect(begins(changes)).toBe("A");
});

test("Z17 of views that are over nothing counts but what the highest began with", () => {
  const entered = begun(1, [B]);
  const certificate = certified(0, [A, C]);
  const changes = [
    change(1, 2, [B], { entered }),
    change(2, 2, [A, C], { certificate }),
    change(3, 2, [A, C]),
  ];
  expect(begins(changes)).toBe("B");
});

test("Z17 who was in no view counts for nothing, and none counts where nobody was", () => {
  const silent = [1, 2, 3].map((i) => ({ ...change(i, 1, []), report: null }));
  expect(begins(silent)).toBe("");
  const [one, two] = silent as [ViewChangeMessage, ViewChangeMessage];
  expect(begins([change(0, 1, [A]), one, two])).toBe("");
});

test("Z17 certificates that are not on one chain are refused", () => {
  const changes = [
    change(1, 1, [A], { certificate: certified(0, [A]) }),
    change(2, 1, [B], { certificate: certified(0, [B]) }),
    change(3, 1, []),
  ];
  expect(begins(changes)).toBeNull();
});

test("Z17 with seven replicas three reports of five are needed", () => {
  const quorums = byzantineQuorums(7, 2)!;
  const of = (batches: readonly (readonly (typeof A)[])[]) =>
    batches.map((one, i) => change(i, 1, one));
  expect(begins(of([[A], [A], [A], [B], [B]]), quorums)).toBe("A");
  expect(begins(of([[A], [A], [C], [B], [B]]), quorums)).toBe("");
});

test("Z18 the published rule loses what a client was told, in two view changes (1712.01367)", () => {
  // View 0: the liar 0 orders A at 1 and 2, B at 3; a certificate for A reaches 2 alone.
  const certificate = certified(0, [A]);
  const first = [change(1, 1, [A]), change(3, 1, [B]), change(0, 1, [B])];
  // View 1 begins without 2's word, with B, which all execute: its client is done.
  const entered = begun(1, [B]);
  const second = [
    change(1, 2, [B], { entered }),
    change(3, 2, [B], { entered }),
    // 2 keeps the certificate of view 0 as the published replica does.
    change(2, 2, [A], { certificate }),
  ];
  expect(begins(first)).toBe("B");
  expect(named(published(first, QUORUMS)?.chain.digests ?? [])).toBe("B");
  expect(begins(second)).toBe("B");
  expect(named(published(second, QUORUMS)?.chain.digests ?? [])).toBe("A");
});

test("Z1 the digest of a history covers every batch in its order, and no view", () => {
  expect(historyOf(A, B)).not.toEqual(historyOf(B, A));
  expect(historyOf(A, B)).not.toEqual(historyOf(A));
  expect(change(0, 1, [A]).digest).toEqual(change(1, 1, [A]).digest);
});
