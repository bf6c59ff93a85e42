// Bugs planted in how a run gets its name (kit/naming.ts), for every protocol whose runs have one:
// strangers who play an earlier run back convict them.

import type { Bytes } from "../../src/actor.ts";
import { Naming } from "../../src/protocol/kit/naming.ts";
import { NONCE_LENGTH, type ListCertificate } from "../../src/protocol/kit/naming-messages.ts";

/** Takes part for lists, and begins with certificates, that do not have its own nonce. */
class Unbound extends Naming {
  protected override isList(): boolean {
    return true;
  }
  protected override isCertificate({ votes }: ListCertificate): boolean {
    return new Set(votes.signers).size >= this.votesMin;
  }
}

/** A life's nonce is the same in every run. */
class SameNonce extends Naming {
  protected override drawNonce(self: number): Bytes {
    return new Uint8Array(NONCE_LENGTH).fill(self + 1);
  }
}

/**
 * Takes answers to the question of an earlier life; tests/protocol/kit/naming.test.ts convicts it,
 * because three that meet one start are too rare for seeds.
 */
export class AnyAnswer extends Naming {
  protected override isOwn(): boolean {
    return true;
  }
}

/** By name, with what convicts it. */
export const namings: readonly (readonly [string, typeof Naming, readonly string[]])[] = [
  ["unbound-name", Unbound, ["fresh"]],
  ["same-nonce", SameNonce, ["fresh"]],
];
