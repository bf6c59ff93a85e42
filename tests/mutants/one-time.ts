// Bugs planted in how processes make and check one-time signatures, where replicas, or clients,
// sign with them.

import type { Bytes, Proof, Signer } from "../../src/actor.ts";
import type { Mutant } from "../../src/campaign/mutants.ts";
import { isOneTime } from "../../src/crypto/merkle.ts";
import type { OneTimeScheme } from "../../src/crypto/one-time.ts";
import { hotstuff } from "../../src/protocol/chained/index.ts";
import { pbft } from "../../src/protocol/pbft/index.ts";
import {
  SimulatedOneTime,
  type SimulatedOneTimeOptions,
} from "../../src/simulation/simulated-one-time.ts";
import {
  SimulatedStage,
  type SimulatedStageOptions,
} from "../../src/simulation/simulated-stage.ts";
import { subjectOf, type Subject } from "../../src/simulation/subject.ts";

/** Looks into announcements before they are checked. */
class Credulous extends SimulatedStage {
  protected readonly keys: SimulatedStageOptions["keys"];
  constructor(options: SimulatedStageOptions) {
    super(options);
    this.keys = options.keys;
  }
}

/** G5: takes what is announced as it is. */
class Unsigned extends Credulous {
  override hear(signer: Signer, batch: Bytes, signature: Bytes): boolean {
    this.knowRoot(signer, this.keys.batchDigest(batch), signature);
    return super.hear(signer, batch, signature);
  }
}

/** G4: what leads to some root holds, whether or not anybody signed that. */
class Rootless extends SimulatedStage {
  override verify(
    proofs: readonly Proof[],
    run: Bytes | null,
    done: (valid: boolean) => void,
    doubted?: boolean,
  ): void {
    const checked = proofs.filter(({ signature }) => !isOneTime(signature));
    super.verify(checked, run, done, doubted);
  }
}

/** G5: a batch is known by its root, whoever announced it. */
class Anybodys extends Credulous {
  override hear(signer: Signer, batch: Bytes, signature: Bytes): boolean {
    const digest = this.keys.batchDigest(batch);
    const signed = this.keys.verify(signer, digest, signature);
    for (let i = 0; signed && i < this.keys.n; i++) this.knowRoot(i, digest, signature);
    return super.hear(signer, batch, signature);
  }
}

/** G5: takes what clients announce as it is. */
class UnsignedClients extends Credulous {
  override hearClient(source: number, key: Bytes, batch: Bytes, signature: Bytes): boolean {
    this.knowRoot(key, this.keys.batchDigest(batch), signature);
    return super.hearClient(source, key, batch, signature);
  }
}

/** G6: the first key of a batch signs again and again. */
function again(options: SimulatedOneTimeOptions): OneTimeScheme {
  const scheme = new SimulatedOneTime(options);
  const { maker } = scheme;
  const sealed = new Map<number, Bytes>();
  return {
    climb: (...asked) => scheme.climb(...asked),
    digest: (batch) => scheme.digest(batch),
    close: () => scheme.close(),
    maker: maker && {
      places: maker.places,
      elsewhere: maker.elsewhere,
      atOnce: maker.atOnce,
      begin: (place, number) => maker.begin(place, number),
      make: (...asked) => maker.make(...asked),
      root: (place) => maker.root(place),
      seal(place, signature) {
        sealed.set(place, signature.slice());
        maker.seal(place, signature);
      },
      sign(place, tree, leaf) {
        const signature = sealed.get(place);
        // It is as if none of the keys had signed.
        if (signature !== undefined) maker.seal(place, signature);
        return maker.sign(place, tree, leaf);
      },
    },
  };
}

class AgainAtReplicas extends SimulatedStage {
  constructor(options: SimulatedStageOptions) {
    super(options.self === null ? options : { ...options, oneTime: again });
  }
}

class AgainAtClients extends SimulatedStage {
  constructor(options: SimulatedStageOptions) {
    super(options.self === null ? { ...options, oneTime: again } : options);
  }
}

/** A protocol whose replicas sign so, with stages of that kind. */
function hybrid(subject: Subject, name: string, stage: typeof SimulatedStage): Subject {
  return { ...subject, name: `${subject.name}-${name}`, signature: "hybrid", stage };
}

/**
 * What is forged may be what its signer said in an earlier run, word for word: then "fresh" is the
 * first to tell, which it is with the chained protocols, whose votes count for one block alone.
 */
function mutant(subject: Subject, first = 0): Mutant {
  const convictedBy = ["certificates", "agreement", "client agreement", "fresh"];
  return { subject, kind: "adversary", convictedBy, within: 1000, first };
}

/** What replicas execute that no client signed. */
const INVENTED = ["validity", "exactly once", "linearizability"];

const PBFT = subjectOf("pbft", pbft);
const HOTSTUFF = subjectOf("hotstuff", hotstuff);

export const mutants: readonly Mutant[] = [
  mutant(hybrid(PBFT, "unsigned-announcements", Unsigned)),
  mutant(hybrid(PBFT, "rootless-keys", Rootless)),
  mutant(hybrid(PBFT, "anybodys-keys", Anybodys), 40),
  mutant(hybrid(HOTSTUFF, "unsigned-announcements", Unsigned)),
  {
    ...mutant(hybrid(PBFT, "keys-again", AgainAtReplicas)),
    kind: "short",
    convictedBy: ["certificates"],
  },
  {
    ...mutant(hybrid(PBFT, "client-keys-again", AgainAtClients)),
    kind: "short",
    convictedBy: ["certificates"],
  },
  {
    ...mutant(hybrid(PBFT, "unsigned-client-announcements", UnsignedClients), 40),
    kind: "invent",
    convictedBy: INVENTED,
  },
];
