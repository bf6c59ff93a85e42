// What the adversary makes of requests that clients sign: copies that do not hold, requests under
// its own client's key, and some that nobody signed.

import type { Bytes, Sealed } from "../actor.ts";
import { makeBatch, requestsOf, type Batch } from "../protocol/kit/batch.ts";
import { signedOf, type SealedTree } from "../protocol/kit/request-auth.ts";
import { isOpen, nonceOf, tagOf, type Request } from "../protocol/kit/request.ts";
import { equal } from "../wire.ts";
import type { SimulatedKeys } from "./simulated-keys.ts";

/** The number of the process whose client's key it has. */
const OWN_CLIENT = 0xffff_ffff;

export class ForgedRequests {
  readonly #keys: Pick<SimulatedKeys, "clientKey" | "requestBlock">;

  constructor(keys: Pick<SimulatedKeys, "clientKey" | "requestBlock">) {
    this.#keys = keys;
  }

  /** A request, or an `open`, of another client under the adversary's own key, which signed it. */
  underOwnKey(request: Request, changed: Partial<Request> = {}): Request {
    const key = this.#keys.clientKey(OWN_CLIENT);
    const { session, tag, number, op } = { ...request, ...changed };
    const named = isOpen(request) ? tagOf(nonceOf({ op, key })) : tag;
    return this.#signed({ ...request, session, tag: named, number, op, key }, key);
  }

  /** What a request of another client becomes that it never sent, and what is signed of it. */
  unasked(request: Request): { readonly request: Request; readonly signed: Bytes } {
    const { seal: _, ...asked } = request;
    const changed = { ...asked, number: after(asked.number), op: altered(asked.op) };
    return { request: changed, signed: signedOf(changed) };
  }

  /** Its own client's key. */
  get ownKey(): Bytes {
    return this.#keys.clientKey(OWN_CLIENT);
  }

  /** A proposal of the same digest, all requests of which are under the adversary's own key. */
  proposalUnderOwnKey(message: Sealed): Sealed | null {
    const batch = batchIn(message);
    if (batch === null) return null;
    const requests = requestsOf(batch).map((request) => this.underOwnKey(request));
    return { ...message, batch: makeBatch(requests, batch.clients) } as Sealed;
  }

  /** A proposal with a request more, of a client's session, that its client did not sign. */
  proposalBeside(message: Sealed): Sealed | null {
    const batch = batchIn(message);
    const last = batch?.requests.findLast((request) => !isOpen(request));
    if (batch === null || last === undefined) return null;
    const { number, op } = last;
    const invented = { ...last, number: after(number), op: altered(op) };
    const own = this.#signed(invented, this.#keys.clientKey(OWN_CLIENT));
    const { clients: asked } = batch;
    const clients = Array.from({ length: asked.length + 1 }, (_, i) => asked.at(i) ?? 0);
    const more = makeBatch([...requestsOf(batch), own], clients);
    return { ...message, batch: more, digest: more.digest } as Sealed;
  }

  #signed(request: Request, key: Bytes): Request {
    return { ...request, seal: this.#keys.requestBlock(key, signedOf(request)) };
  }
}

/** The request in a REQUEST or a RELAY. */
export function requestIn(message: Sealed): Request | null {
  return "request" in message ? (message.request as Request) : null;
}

/** The batch of signed requests in a proposal that names it by its digest. */
function batchIn(message: Sealed): Batch | null {
  if (!("batch" in message && "digest" in message)) return null;
  const batch = message.batch as Batch | null;
  if (batch === null || batch.seals === null) return null;
  return equal(batch.digest, message.digest as Bytes) ? batch : null;
}

/** The same stamp and another operation. */
export function altered(op: Bytes): Bytes {
  const other = op.slice();
  other[op.length - 1] = (other[op.length - 1] ?? 0) ^ 1;
  return other;
}

/** The next number that has a wire form; the last has none after it, and others lie with that. */
function after(number: number): number {
  return Math.min(number + 1, Number.MAX_SAFE_INTEGER);
}

/** A copy with another root signature in the seals of its batches. */
export function spoiled(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(spoiled);
  if (typeof value !== "object" || value === null) return value;
  if (Object.getPrototypeOf(value) !== Object.prototype) return value;
  if ("trees" in value && Array.isArray(value.trees)) {
    const trees = value.trees as SealedTree[];
    return {
      ...value,
      trees: trees.map((tree) => ({ ...tree, signature: altered(tree.signature) })),
    };
  }
  const entries = Object.entries(value);
  return Object.fromEntries(entries.map(([name, field]) => [name, spoiled(field)]));
}
