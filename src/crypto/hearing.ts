// What a stage does about announcements of one-time keys: it checks one at a time, when it has
// nothing else to do, those of replicas before those of clients.

import type { Bytes, Signer } from "../actor.ts";
import { Announcements } from "./announcements.ts";
import { ClientAnnouncements } from "./client-announcements.ts";
import { Roots } from "./roots.ts";

/** What hearing needs of its stage. */
export interface HearingStage {
  /** Of replicas. */
  readonly roots: Roots;
  /** What is signed for a batch (number | root), a client's but for its domain: a copy. */
  digestOf(batch: Bytes): Bytes;
  /** Checks in full; a root that holds is in the owner's roots before `end`. */
  check(owner: Owner, digest: Bytes, signature: Bytes, end: (valid: boolean) => void): void;
}

/** Whose root signature it is, and where those that hold are remembered. */
export interface Owner {
  readonly by: Signer | Bytes;
  readonly signer: Signer;
  readonly roots: Roots;
}

export class Hearing {
  /** Announcements that held. */
  heard = 0;
  readonly ofReplicas: Announcements;
  readonly ofClients = new ClientAnnouncements();
  readonly #stage: HearingStage;
  /** One is being checked. */
  #checking = false;

  /** Of replicas 0..n-1, and clients. */
  constructor(n: number, stage: HearingStage) {
    this.ofReplicas = new Announcements(n);
    this.#stage = stage;
  }

  /** Checks an announcement, if one waits and no other is being checked; whether it did. */
  next(): boolean {
    return !this.#checking && (this.#nextOfReplicas() || this.#nextOfClients());
  }

  #nextOfReplicas(): boolean {
    const announcement = this.ofReplicas.shift();
    if (announcement === undefined) return false;
    const { roots } = this.#stage;
    const { signer, batch, signature } = announcement;
    const digest = this.#stage.digestOf(batch);
    const end = (valid: boolean): void => this.ofReplicas.end(announcement, valid);
    // A message that came before it may have taught its root.
    if (roots.has(signer, digest, signature)) this.#end(true, end);
    else this.#check({ by: signer, signer, roots }, digest, signature, end);
    return true;
  }

  #nextOfClients(): boolean {
    const announcement = this.ofClients.shift();
    if (announcement === undefined) return false;
    const { key, batch, signature } = announcement;
    const digest = this.#stage.digestOf(batch);
    // Apart from the roots of requests, which announcements do not push out.
    const owner = { by: key, signer: 0, roots: new Roots(1, 1) };
    this.#check(owner, digest, signature, (valid) => {
      this.ofClients.end(announcement, digest, valid);
    });
    return true;
  }

  #check(owner: Owner, digest: Bytes, signature: Bytes, end: (valid: boolean) => void): void {
    this.#checking = true;
    this.#stage.check(owner, digest, signature, (valid) => {
      this.#checking = false;
      this.#end(valid, end);
    });
  }

  #end(valid: boolean, end: (valid: boolean) => void): void {
    if (valid) this.heard++;
    end(valid);
  }
}
