// Parts that believe what nobody proved, for mutants of every protocol that has such parts.

import { QuorumClient } from "../../src/protocol/kit/client.ts";
import { Recovery } from "../../src/protocol/kit/recovery.ts";

/** X14: takes answers to an earlier question. */
export class AnyNonce<P> extends Recovery<P> {
  protected override isOwn(): boolean {
    return true;
  }
}

/** X4: one reply is enough. */
export class CredulousClient extends QuorumClient {
  protected override get agreement(): number {
    return 1;
  }
}
