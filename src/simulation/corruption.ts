// Which corrupted packets reach a protocol.

import { bodiesKindOf } from "../base/body-form.ts";
import { Reader } from "../wire.ts";
import { wireBook } from "./packet-content.ts";
import type { Subject } from "./subject.ts";

const PACKET_MAX = 2048;

/**
 * Says whether a corrupted packet gets past the frame's check sequence: where the protocol has to
 * notice it, because it is malformed, a request whose checksum does not hold, or signed. The check
 * sequence alone guards what a replica that never signs answers.
 */
export function corruptionFilter({ protocol }: Subject): (corrupted: Uint8Array) => boolean {
  const { codec, signed } = protocol;
  const bytes = new Uint8Array(PACKET_MAX);
  const probe = new Reader(bytes, wireBook);
  return (corrupted) => {
    bytes.set(corrupted);
    // What names bodies stands for a message, of which a codec does not know.
    if (bodiesKindOf(corrupted[0]) !== null) return signed;
    const message = codec.decode(probe.reset(0, corrupted.length));
    return message === null || signed;
  };
}
