// What a world knows of the protocol under test.

import type { AnyProtocol, App, Bytes, Protocol } from "../actor.ts";
import type { Random } from "../base/seeded-random.ts";
import type { SignatureKind } from "../protocol-config.ts";
import type { BodyExchange } from "../protocol/kit/bodies.ts";
import type { SimulatedStage } from "./simulated-stage.ts";

/**
 * A seed of kind "codec" is a thousand mutated packets, one of kind "fuzz" live nodes that get such
 * packets.
 */
export type Kind =
  "short" | "deep" | "adversary" | "invent" | "twins" | "splits" | "codec" | "fuzz";
export const KINDS: readonly Kind[] = [
  "short",
  "deep",
  "adversary",
  "invent",
  "twins",
  "splits",
  "codec",
  "fuzz",
];

/** An application that replicas have in place of a store, whatever a seed draws. */
export interface SubjectApp {
  make(): App;
  /** What a client asks, by the dice given alone. */
  operation(random: Random): Bytes;
}

export interface Subject {
  readonly name: string;
  readonly protocol: AnyProtocol;
  /** null: the store that a seed draws. */
  readonly app: SubjectApp | null;
  /** Whether replicas may be Byzantine. */
  readonly byzantine: boolean;
  /** Whether a replica that lost its memory may come back. */
  readonly restarts: boolean;
  /** The kinds of seeds that make sense for it. */
  readonly kinds: readonly Kind[];
  /** How its replicas sign, instead of what a seed draws. */
  readonly signature?: SignatureKind;
  /** What its processes sign and check with, where bugs are planted there. */
  readonly stage?: typeof SimulatedStage;
  /** What takes bodies apart from proposals, and puts them together, likewise. */
  readonly bodies?: typeof BodyExchange;
  /** Whether large requests go to all in each seed. */
  readonly broadcasts?: boolean;
}

/** Kinds of seeds by what replicas may do: where they may lie, twins take the place of splits. */
const KINDS_OF: { readonly [faults in AnyProtocol["faults"]]: readonly Kind[] } = {
  none: ["short", "deep", "codec", "fuzz"],
  crash: ["short", "deep", "splits", "codec", "fuzz"],
  byzantine: KINDS.filter((kind) => kind !== "splits"),
};

/**
 * A subject with what follows from the faults that its protocol tolerates. What clients see is
 * compared with a model of a store, unless replicas have another application.
 */
export function subjectOf<M extends object, T extends string>(
  name: string,
  protocol: Protocol<M, T>,
  app: SubjectApp | null = null,
): Subject {
  const byzantine = protocol.faults === "byzantine";
  // Sound because a protocol's messages only ever meet its own codec and actors.
  const hidden = protocol as unknown as AnyProtocol;
  return {
    ...{ name, protocol: hidden, app },
    byzantine,
    restarts: protocol.faults !== "none",
    kinds: KINDS_OF[protocol.faults],
  };
}
