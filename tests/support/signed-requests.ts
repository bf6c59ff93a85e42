// Requests that a client process signs, by real keys, for tests of --request-auth sign.

import type { Bytes, Proof } from "../../src/actor.ts";
import { generateKeyPair } from "../../src/crypto/keys.ts";
import { openNobleStage } from "../../src/crypto/noble.ts";
import type { BlockStage } from "../../src/crypto/stage.ts";
import type { SignatureKind } from "../../src/protocol-config.ts";
import { signedOf } from "../../src/protocol/kit/request-auth.ts";
import { tagOf, nonceOf, type Request } from "../../src/protocol/kit/request.ts";

export const DOMAIN: Bytes = new Uint8Array(32).fill(7);

/** A process of clients with a key of its own. */
export class SigningProcess {
  readonly key: Bytes;
  readonly stage: BlockStage;

  constructor(domain = DOMAIN, kind: SignatureKind = "batch") {
    const { publicKey, secretKey } = generateKeyPair();
    this.key = publicKey;
    const keys = { self: null, secretKey, publicKeys: [] };
    this.stage = openNobleStage({ ...keys, kind, domain, requests: { key: publicKey } });
  }

  /** An `open` that is like no other of this key, unsigned. */
  open(number: number): Request {
    const op = new Uint8Array(16).fill(number);
    const { key } = this;
    return { session: 0, tag: tagOf(nonceOf({ op, key })), number: 0, op, key };
  }

  /** An operation, unsigned. */
  asks(session: number, number: number, op: Bytes = new Uint8Array(0)): Request {
    return { session, tag: session, number, op, key: this.key };
  }

  /** The requests with their signatures, which were made together. */
  sign(requests: readonly Request[]): Request[] {
    const signed: Request[] = [];
    for (const [i, request] of requests.entries()) {
      this.stage.sign(signedOf(request), null, (block) => {
        signed[i] = { ...request, seal: block.slice() };
      });
    }
    while (this.stage.runJob() || this.stage.poll() > 0);
    return signed;
  }
}

/** A replica's stage that only checks. */
export function checkingStage(domain = DOMAIN): BlockStage {
  const keys = { self: null, secretKey: null, publicKeys: [] };
  return openNobleStage({ ...keys, kind: "batch", domain, requests: { key: null } });
}

/** Whether all hold, each checked in full. */
export function hold(proofs: readonly Proof[], stage = checkingStage()): boolean {
  let verdict: boolean | null = null;
  stage.verify(proofs, null, (valid) => {
    verdict = valid;
  });
  while (stage.runJob() || stage.poll() > 0);
  return verdict === true;
}
