// Ports for processes that are told theirs before they bind them.

import { createSocket } from "node:dgram";

/** UDP ports of the loopback interface that were free a moment ago. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const sockets = await Promise.all(
    Array.from({ length: count }, async () => {
      const socket = createSocket("udp4");
      await new Promise<void>((bound) => socket.bind(0, "127.0.0.1", bound));
      return socket;
    }),
  );
  const ports = sockets.map((socket) => socket.address().port);
  for (const socket of sockets) socket.close();
  return ports;
}
