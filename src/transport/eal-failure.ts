// What a failed start of DPDK means to whoever started it: EAL's reason, and what to do.

const WITHOUT_NIC = "--fabric, --link, --eal --vdev=... and UDP addresses need none";

/** `reason` as EAL and drivers told it, and the arguments with which EAL was started. */
export interface EalFailure {
  readonly reason: string;
  readonly args: readonly string[];
}

/** Why EAL did not start. */
export function startFailure({ reason, args }: EalFailure): string {
  if (args.includes("--no-huge")) return reason;
  if (!/huge ?page|cannot init memory|not enough memory/i.test(reason)) return reason;
  return (
    `${reason}; a NIC needs huge pages, as root: sysctl vm.nr_hugepages=1024; ` +
    `without a NIC, ${WITHOUT_NIC}`
  );
}

/** Why there are fewer ports than were asked for. */
export function portsMissing(
  { reason, args }: EalFailure,
  found: number,
  wanted: number,
  root: boolean,
): string {
  const count = `${found} port${found === 1 ? "" : "s"} of ${wanted}`;
  const why = reason === "" ? "" : `: ${reason}`;
  const line = `DPDK found ${count}${why}; its arguments: ${args.join(" ")}`;
  if (args.includes("--no-pci")) return line;
  const who = root ? "" : "a NIC needs root; ";
  return (
    `${line}; ${who}a NIC has to be bound to vfio-pci unless mlx5_core serves it: ` +
    `dpdk-devbind.py --status; without a NIC, ${WITHOUT_NIC}`
  );
}
