// Shows the help of the programs as their users see it: a change here is a change of their
// interface.

import { describe, expect, test } from "bun:test";
import { run } from "../support/programs.ts";

describe("help", () => {
  const HELP_COLUMNS = 170;
  const shown = async (name: string) => {
    const { status, out, err } = await run(name, ["-h"]);
    expect({ status, err }).toEqual({ status: 0, err: "" });
    expect((await run(name, ["--bogus", "--help"])).out).toBe(out);
    for (const line of out.split("\n")) {
      expect(line).toBe(line.trimEnd());
      expect(line.length).toBeLessThan(HELP_COLUMNS);
    }
    return out;
  };

  test("of replica", async () =>
    expect(await shown("replica")).toMatchInlineSnapshot(`
    "One replica of a protocol (replica)

    USAGE replica [OPTIONS] --mode=<unreplicated|unreplicated-signed|pbft|hotstuff> --config=<PREFIX> --id=<ID>

    OPTIONS

      -m, --mode=<unreplicated|unreplicated-signed|pbft|hotstuff>    The protocol; case does not matter (Required)
                                            -c, --config=<PREFIX>    Reads PREFIX.config, and PREFIX-<i>.pem if the protocol signs (Required)
                                                    -i, --id=<ID>    Which replica of the configuration this is, from 0 (Required)
                                              -a, --app=<null|kv>    What is replicated (Default: null)
                                                -w, --workers=<N>    Signature threads; 0: the polling one (default: the CPUs of the mask less one, at least 1)
                                         --signature=<each|batch>    One signature a message, or one a Merkle tree of messages that wait (Default: batch)
                                          --crypto=<native|noble>    libsecp256k1 in threads, or @noble/curves in this one (Default: native)
                                                --instance=<NAME>    Signatures of one instance do not hold in another
                                                  -b, --batch=<N>    Most operations in a batch or block (Default: 1)
                                                       --adaptive    Close a batch whenever there is room in the pipeline, not when it is full or 1 ms old (Default: false)
                                       --slow-leader=<leave|keep>    pbft, hotstuff: leave a leader that serves less than others did, or keep it (default: leave)
                                          --leader=<fixed|rotate>    hotstuff: keep a leader until it fails, or have another one in every view (default: fixed)
                                              --view-timeout=<MS>    First view timeout; clients retry after a quarter of it (Default: 500)
                                             --checkpoint=<SLOTS>    Slots or blocks between checkpoints (Default: 128)
                                                     --link=<DIR>    One replica and one client joined by one memif in DIR
                                                   --fabric=<DIR>    Join the fabric whose memif sockets are in DIR
                                                       --port=<N>    DPDK port to use, of a NIC or of --eal's (Default: 0)
                                                   --eal=<"ARGS">    More EAL arguments, for example --vdev=net_af_packet0,iface=eth0
                                                    --drop=<RATE>    Share of arriving packets to lose on purpose, 0 to 1 (Default: 0)
                                                     --mask=<HEX>    CPUs: the first polls, the next ones sign (default: all that may be used, unpinned)
                                   --idle=<busy|yield|park|sleep>    What a turn without work does (default: busy on a NIC, sleep on other DPDK ports, else park)
                                                        --profile    Tell at the end where the time of the polling thread went (Default: false)
                                                    --json=<FILE>    Write what is printed at the end as one JSON object
                                                        --verbose    Say more of what is done, on standard error
                                                          --quiet    Say nothing there but warnings and errors
    "
  `));
  test("of client", async () =>
    expect(await shown("client")).toMatchInlineSnapshot(`
    "Clients of a protocol, and what they measured (client)

    USAGE client [OPTIONS] --mode=<unreplicated|unreplicated-signed|pbft|hotstuff> --config=<PREFIX>

    OPTIONS

      -m, --mode=<unreplicated|unreplicated-signed|pbft|hotstuff>    The protocol; case does not matter (Required)
                                            -c, --config=<PREFIX>    Reads PREFIX.config, and PREFIX-<i>.pem if the protocol signs (Required)
                                          -t, --clients=<CLIENTS>    Clients in this process, each with one operation in flight (Default: 1)
                                          -d, --seconds=<SECONDS>    How long to measure (Default: 10)
                                                 --warm=<SECONDS>    How long to run before that (Default: 1)
                                                --op-size=<BYTES>    Bytes of an operation (workload fixed) or of a value (workload kv) (Default: 0)
                                              -a, --app=<null|kv>    What the replicas run (default: what they tell)
                              -W, --workload=<fixed|kv|contended>    What to ask (default: kv for the app kv, else fixed)
                                                    --rate=<RATE>    Operations a second that arrive whether or not earlier ones completed; 0: closed loop (Default: 0)
                                                     --think=<MS>    Pause of a client between two operations of a closed loop (Default: 0)
                                                 --history=<FILE>    Write every operation with its result and times, for the linearizability checker
                                                --fabric-port=<N>    Which of the fabric's ports for clients (Default: 0)
                                                -w, --workers=<N>    Signature threads; 0: the polling one (default: the CPUs of the mask less one, at least 1)
                                         --signature=<each|batch>    One signature a message, or one a Merkle tree of messages that wait (Default: batch)
                                          --crypto=<native|noble>    libsecp256k1 in threads, or @noble/curves in this one (Default: native)
                                                --instance=<NAME>    Signatures of one instance do not hold in another
                                                  -b, --batch=<N>    Most operations in a batch or block (Default: 1)
                                                       --adaptive    Close a batch whenever there is room in the pipeline, not when it is full or 1 ms old (Default: false)
                                       --slow-leader=<leave|keep>    pbft, hotstuff: leave a leader that serves less than others did, or keep it (default: leave)
                                          --leader=<fixed|rotate>    hotstuff: keep a leader until it fails, or have another one in every view (default: fixed)
                                              --view-timeout=<MS>    First view timeout; clients retry after a quarter of it (Default: 500)
                                             --checkpoint=<SLOTS>    Slots or blocks between checkpoints (Default: 128)
                                                     --link=<DIR>    One replica and one client joined by one memif in DIR
                                                   --fabric=<DIR>    Join the fabric whose memif sockets are in DIR
                                                       --port=<N>    DPDK port to use, of a NIC or of --eal's (Default: 0)
                                                   --eal=<"ARGS">    More EAL arguments, for example --vdev=net_af_packet0,iface=eth0
                                                    --drop=<RATE>    Share of arriving packets to lose on purpose, 0 to 1 (Default: 0)
                                                     --mask=<HEX>    CPUs: the first polls, the next ones sign (default: all that may be used, unpinned)
                                   --idle=<busy|yield|park|sleep>    What a turn without work does (default: busy on a NIC, sleep on other DPDK ports, else park)
                                                        --profile    Tell at the end where the time of the polling thread went (Default: false)
                                                    --json=<FILE>    Write what is printed at the end as one JSON object
                                                        --verbose    Say more of what is done, on standard error
                                                          --quiet    Say nothing there but warnings and errors
    "
  `));
  test("of fabric", async () =>
    expect(await shown("fabric")).toMatchInlineSnapshot(`
    "A switch of shared-memory ports for replicas and clients on one machine (fabric)

    USAGE fabric [OPTIONS] --config=<PREFIX> --dir=<DIR>

    OPTIONS

      -c, --config=<PREFIX>    Reads PREFIX.config: a port for each replica, with its MAC address (Required)
                --dir=<DIR>    Where the sockets replica-<i>.sock and client-<i>.sock are made (Required)
         --client-ports=<N>    Ports for client processes (Default: 1)
              --drop=<RATE>    Share of frames to lose, 0 to 1 (Default: 0)
         --duplicate=<RATE>    Share of frames to send twice, 0 to 1 (Default: 0)
           --reorder=<RATE>    Share of frames to hold back behind later ones, 0 to 1 (Default: 0)
           --corrupt=<RATE>    Share of frames to flip a bit of, behind their header, 0 to 1 (Default: 0)
               --delay=<US>    Time that a frame spends in the fabric, in microseconds (Default: 0)
                 --seed=<N>    Seed of the dice for the faults above (Default: 1)
               --mask=<HEX>    CPUs: the first one forwards (default: any, unpinned)
              --json=<FILE>    Write the counts of every port at the end as one JSON object
                  --verbose    Say more of what is done, on standard error
                    --quiet    Say nothing there but warnings and errors
    "
  `));
  test("of demo", async () =>
    expect(await shown("demo")).toMatchInlineSnapshot(`
    "Replicas and clients on this machine, and what they measured (npm run demo --)

    USAGE npm run demo -- [OPTIONS]

    OPTIONS

      -m, --mode=<unreplicated|unreplicated-signed|pbft|hotstuff>    The protocol; case does not matter (Default: pbft)
                                           --transport=<dpdk|udp>    Shared-memory ports of DPDK, or sockets of the loopback interface (Default: dpdk)
                                                 -f, --faults=<F>    Faults to tolerate: the demo runs as many replicas as the mode needs for them (Default: 1)
                                          -t, --clients=<CLIENTS>    Clients in all, each with one operation in flight (Default: 1)
                                           --client-processes=<N>    Processes that the clients run in; their results are merged (Default: 1)
                                                    --rate=<RATE>    Operations a second that arrive whether or not earlier ones completed; 0: closed loop (Default: 0)
                                          -d, --seconds=<SECONDS>    How long to measure (Default: 5)
                                                    --json=<FILE>    Write the result as one JSON object
                                                 --history=<FILE>    Write every operation with its result and times, for the linearizability checker
                                                 --warm=<SECONDS>    How long to run before that (Default: 1)
                                                --op-size=<BYTES>    Bytes of an operation (workload fixed) or of a value (workload kv) (Default: 0)
                                              -a, --app=<null|kv>    What is replicated (Default: null)
                              -W, --workload=<fixed|kv|contended>    What to ask (default: kv for the app kv, else fixed)
                                                     --think=<MS>    Pause of a client between two operations of a closed loop (Default: 0)
                                                -w, --workers=<N>    Signature threads (default: none where processes outnumber the CPUs, else the CPUs less one)
                                         --signature=<each|batch>    One signature a message, or one a Merkle tree of messages that wait (Default: batch)
                                          --crypto=<native|noble>    libsecp256k1 in threads, or @noble/curves in this one (Default: native)
                                                  -b, --batch=<N>    Most operations in a batch or block (Default: 1)
                                                       --adaptive    Close a batch whenever there is room in the pipeline, not when it is full or 1 ms old (Default: false)
                                       --slow-leader=<leave|keep>    pbft, hotstuff: leave a leader that serves less than others did, or keep it (default: leave)
                                          --leader=<fixed|rotate>    hotstuff: keep a leader until it fails, or have another one in every view (default: fixed)
                                              --view-timeout=<MS>    First view timeout; clients retry after a quarter of it (Default: 500)
                                             --checkpoint=<SLOTS>    Slots or blocks between checkpoints (Default: 128)
                                                    --drop=<RATE>    Share of arriving packets to lose on purpose, 0 to 1 (Default: 0)
                                                     --mask=<HEX>    CPUs: the first polls, the next ones sign (default: all that may be used, unpinned)
                                   --idle=<busy|yield|park|sleep>    What a turn without work does (default: busy on a NIC, sleep on other DPDK ports, else park)
                                                        --profile    Tell at the end where the time of the polling thread went (Default: false)
                                                        --verbose    Say more of what is done, on standard error
                                                          --quiet    Say nothing there but warnings and errors
    "
  `));
});
