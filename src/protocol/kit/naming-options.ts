// What the agreement on the name of a run is given, and whom it tells (naming.ts).

import type { Bytes, Host, Signer } from "../../actor.ts";
import type { NamingMessage } from "./naming-messages.ts";

/** What the agreement tells its replica, once. */
export interface NamingOwner {
  /** It begins at genesis, with n - f lives of this start. */
  onBegin(name: Bytes): void;
  /** n - f replicas run in it: this one has lost its memory. */
  onLearn(name: Bytes): void;
  /** n - f replicas run in that run now, which is the own one, or has ended that. */
  onNews(name: Bytes): void;
}

export interface NamingOptions {
  readonly self: Signer;
  readonly n: number;
  readonly f: number;
  readonly viewTimeoutMs: number;
  readonly host: Pick<Host<NamingMessage, never>, "send" | "now" | "random" | "drop">;
  readonly owner: NamingOwner;
}
