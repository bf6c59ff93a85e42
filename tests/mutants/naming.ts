// Bugs planted in how a run gets its name (kit/naming.ts), for every protocol whose runs have one:
// strangers who play an earlier run back convict them.

import type { Bytes, Host, Protocol } from "../../src/actor.ts";
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

/** A host that signs for the cluster, whatever run it is in. */
function runless<M, T extends string>(host: Host<M, T>): Host<M, T> {
  return {
    get now() {
      return host.now;
    },
    get clientKey() {
      return host.clientKey ?? null;
    },
    random: (bound) => host.random(bound),
    send: (to, message) => host.send(to, message),
    setTimer: (timer, delayMs) => host.setTimer(timer, delayMs),
    clearTimer: (timer) => host.clearTimer(timer),
    sourceOf: (address) => host.sourceOf(address),
    drop: (reason) => host.drop(reason),
    enterRun: () => {},
  };
}

/** The protocol without the run's name in what is signed: what holds in one run holds in all. */
export function withoutRuns<M, T extends string>(protocol: Protocol<M, T>): Protocol<M, T> {
  return {
    ...protocol,
    replica: (self, config, host, app) => protocol.replica(self, config, runless(host), app),
    client: (config, host) => protocol.client(config, runless(host)),
  };
}

/** By name, with what convicts it. */
export const namings: readonly (readonly [string, typeof Naming, readonly string[]])[] = [
  ["unbound-name", Unbound, ["fresh"]],
  ["same-nonce", SameNonce, ["fresh"]],
];
