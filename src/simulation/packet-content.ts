// A packet's content, shared by its receivers, because what follows from bytes alone is the same
// for all.

import type { Bytes, Proof, Sealed, AnyProtocol } from "../actor.ts";
import { bodiesKindOf } from "../base/body-form.ts";
import { Reader, type AddressBook } from "../wire.ts";

/** The first four bytes of every process's address. */
export const MAC_PREFIX = 0x02000000;

/** Addresses outside any process: the low half of the wire form. */
export const wireBook: AddressBook = {
  intern: (_high, low) => low,
  write: (address, view, at) => {
    view.setUint32(at, MAC_PREFIX);
    view.setUint32(at + 4, address >>> 0);
  },
};

const REGION_LENGTH = 2048;
const region = new Uint8Array(REGION_LENGTH);
const regionReader = new Reader(region, wireBook);

function readerOf(bytes: Bytes): Reader {
  if (bytes.length > REGION_LENGTH) return new Reader(bytes, wireBook);
  region.set(bytes);
  return regionReader.reset(0, bytes.length);
}

/** What a packet is called that no codec reads. */
export function unreadOf({ bytes }: PacketContent): string {
  return bodiesKindOf(bytes[0]) ?? "malformed";
}

export class PacketContent {
  readonly bytes: Bytes;
  /**
   * What every process decodes from it; undefined before the first has, or if it names addresses,
   * because every process has its own handles for those.
   */
  decoded: Sealed | null | undefined;
  /** The proofs of `decoded`. */
  proofs: readonly Proof[] | null = null;
  #crc = -1;
  #read: Sealed | null | undefined;

  constructor(bytes: Bytes) {
    this.bytes = bytes;
  }

  /** For the trace hash. */
  get crc(): number {
    if (this.#crc < 0) this.#crc = Bun.hash.crc32(this.bytes);
    return this.#crc;
  }

  /** The message as read outside any process; null if it is malformed. */
  read(protocol: AnyProtocol): Sealed | null {
    if (this.decoded !== undefined) return this.decoded;
    if (this.#read !== undefined) return this.#read;
    const input = readerOf(this.bytes);
    this.#read = protocol.codec.decode(input);
    if (!input.namesAddresses) this.decoded = this.#read;
    return this.#read;
  }
}
