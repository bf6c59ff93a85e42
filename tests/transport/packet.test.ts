// Shows to whom a transport delivers what is for an id that none of its actors has.

import { expect, test } from "bun:test";
import { PacketTransport } from "../../src/transport/packet.ts";
import { EMPTY, Reader, Writer } from "../../src/wire.ts";

/** A transport that is handed packets, and sends none. */
class Inert extends PacketTransport {
  override readonly payloadMax = 1000;
  protected override readonly fragmentBurst = 1;
  readonly #writer = new Writer(new Uint8Array(1000));

  poll(): number {
    return 0;
  }
  close(): void {}
  /** A message for this id, from the host whose address ends so, and the id there. */
  arrives(id: number, from: number, fromId: number): void {
    this.receivePacket(id, 0x0200_0000, from, fromId, false, new Reader(EMPTY, this.book));
  }
  protected beginPacket(): Writer {
    return this.#writer.reset(0, 1000);
  }
  protected sendPacket(): void {}
  protected repeatPacket(): void {}
}

const SEQUENCER_ID = 5;
const at = (last: number, id: number) =>
  ({ kind: "mac", host: Uint8Array.of(2, 0, 0, 0, 0, last), id }) as const;

function transportOf(member: boolean) {
  const clock = { now: 0, update: () => {}, poll: () => 0 };
  const call = { cancel: () => {}, again: () => {} };
  const transport = new Inert({
    ...{ replicas: [at(1, 1), at(2, 2)], others: [at(9, SEQUENCER_ID)], multicast: null, member },
    ...{ clock: { ...clock, after: () => call }, random: () => 0 },
  });
  const heard: number[] = [];
  transport.listen(1, (from) => heard.push(from));
  return { transport, heard };
}

test("FW8 replicas take what a sequencer passes on as it was addressed, nobody else does", () => {
  const replica = transportOf(true);
  replica.transport.arrives(SEQUENCER_ID, 9, SEQUENCER_ID);
  replica.transport.arrives(1, 2, 2);
  replica.transport.arrives(6, 9, SEQUENCER_ID);
  // The sequencer has the address behind those of replicas.
  expect(replica.heard).toEqual([2, 1]);
  expect(replica.transport.drops.get("unknown id")).toBe(1);
  const client = transportOf(false);
  client.transport.arrives(SEQUENCER_ID, 9, SEQUENCER_ID);
  expect(client.heard).toEqual([]);
});
