// Shows the help of the programs as their users see it: a change here is a change of their
// interface.

import { describe, expect, test } from "bun:test";
import { run } from "../support/programs.ts";

describe("help", () => {
  const HELP_COLUMNS = 200;
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

    USAGE replica [OPTIONS] --mode=<unreplicated|unreplicated-signed|pbft|hotstuff|vr|nopaxos|hotstuff2|jolteon|tendermint|streamlet|zyzzyva> --config=<PREFIX> --id=<ID>

    WHAT RUNS

      -m, --mode=<unreplicated|unreplicated-signed|pbft|hotstuff|vr|nopaxos|hotstuff2|jolteon|tendermint|streamlet|zyzzyva>    The protocol; case does not matter [both] (Required)
                                                                                                      -c, --config=<PREFIX>    Reads PREFIX.config, PREFIX-<i>.pem if the protocol signs [both] (Required)
                                                                                                              -i, --id=<ID>    Which replica of the configuration this is, from 0 [replicas] (Required)
                                                                                                         --role=<sequencer>    Run process ID of this role instead of a replica [replicas]
                                                                                           -a, --app=<null|kv|btree|sqlite>    What is replicated [replicas] (Default: null)
                                                                                                       --reply-size=<BYTES>    Bytes of a result of the app null [replicas] (Default: 0)

    WHAT IS MEASURED

               -W, --workload=<NAME>    What to ask: fixed, kv, contended, ycsb:A to F, or a property file (default: fixed for the app null, else kv) [both]
      -p, --property=<NAME=VALUE...>    A property of YCSB, such as recordcount; may be given many times [both]
      --load=<replicas|clients|none>    Who loads records of YCSB: each replica by itself, clients by operations, or nobody [both] (Default: replicas)

    PROTOCOL

                         -b, --batch=<N>    Most operations in a batch or block [replicas] (Default: 1)
                   --batch-bytes=<BYTES>    Most bytes of operations in one; an operation that is larger goes alone [replicas] (Default: 1048576)
                              --adaptive    Close a batch whenever there is room in the pipeline, not only when it is full or 1 ms old [replicas] (Default: false)
                     --view-timeout=<MS>    First view timeout; clients retry after a quarter of it [replicas] (Default: 500)
                    --checkpoint=<SLOTS>    Slots or blocks between checkpoints (nopaxos: 2048) [replicas] (Default: 128)
           --requests=<direct|broadcast>    pbft, hotstuff, vr, hotstuff2, jolteon, tendermint, streamlet, zyzzyva: requests from 1 KiB go to the leader, or to all (default: direct) [replicas]
              --slow-leader=<leave|keep>    pbft, hotstuff, hotstuff2, jolteon, tendermint, streamlet, zyzzyva: leave or keep a leader that serves less than others (default: leave) [replicas]
      --leader=<fixed|rotate|reputation>    hotstuff, hotstuff2, jolteon, tendermint, streamlet: keep a leader until it fails, another each view, or a recent signer (default: fixed) [replicas]

    CRYPTO

      --signature=<each|batch|hybrid>    One signature a message, one a Merkle tree of messages that wait, or one-time keys where few wait, else trees [replicas] (Default: batch)
           --request-auth=<none|sign>    Whether clients sign requests, so that no replica can invent one [both] (Default: none)
              --crypto=<native|noble>    libsecp256k1 in threads, or @noble/curves in this one [both, each its own] (Default: native)
                    -w, --workers=<N>    Signature threads; 0: the polling one (default: the CPUs of the mask, within the cgroup's quota, less one, at least 1) [both, each its own]
                    --instance=<NAME>    Signatures of one instance do not hold in another [both]

    NETWORK

           --link=<DIR>    One replica and one client joined by one memif in DIR [both]
         --fabric=<DIR>    Join the fabric whose memif sockets are in DIR [both]
      --fabric-port=<N>    Which of the fabric's ports for clients [client] (Default: 0)
             --port=<N>    DPDK port to use, of a NIC or of --eal's [both, each its own] (Default: 0)
         --eal=<"ARGS">    More EAL arguments, for example --vdev=net_af_packet0,iface=eth0 [both, each its own]
          --mtu=<BYTES>    Bytes of a packet, the same for all: to 9000, 65535 over UDP [both] (Default: 1500)
          --drop=<RATE>    Share of arriving packets to lose on purpose, 0 to 1 [both, each its own] (Default: 0)

    PROCESSORS

                             --mask=<HEX>    CPUs: the first polls, the next ones sign (default: all that may be used, unpinned) [both, each its own]
      --idle=<busy|yield|auto|park|sleep>    What a turn without work does (default: busy on a NIC, sleep on other DPDK ports, auto where CPUs suffice, else park) [both, each its own]

    OUTPUT

        --json=<FILE>    Write what is printed at the end as one JSON object; -: to standard output [both, each its own]
            --profile    Tell at the end where the time of the polling thread went [both, each its own] (Default: false)
      --census=<FILE>    Publish in FILE ten times a second how far this process is, for demo --watch [both, each its own]

    MESSAGES

      --verbose    Say more of what is done, on standard error
        --quiet    Say nothing there but warnings and errors

    HELP

      -h, --help    Show this text
       --version    Show versions, of the build and of DPDK too

    [replicas]: theirs; they tell clients, and a client that is given it refuses to run against another.
    [client]: the clients'. [both]: the same for replicas and clients, unless each has its own.
    "
  `));
  test("of client", async () =>
    expect(await shown("client")).toMatchInlineSnapshot(`
    "Clients of a protocol, and what they measured (client)

    USAGE client [OPTIONS] --mode=<unreplicated|unreplicated-signed|pbft|hotstuff|vr|nopaxos|hotstuff2|jolteon|tendermint|streamlet|zyzzyva> --config=<PREFIX>

    WHAT RUNS

      -m, --mode=<unreplicated|unreplicated-signed|pbft|hotstuff|vr|nopaxos|hotstuff2|jolteon|tendermint|streamlet|zyzzyva>    The protocol; case does not matter [both] (Required)
                                                                                                      -c, --config=<PREFIX>    Reads PREFIX.config, PREFIX-<i>.pem if the protocol signs [both] (Required)
                                                                                           -a, --app=<null|kv|btree|sqlite>    What the replicas run [replicas] (default: what they tell)
                                                                                                       --reply-size=<BYTES>    Bytes of a result of the app null [replicas] (default: what they tell)

    WHAT IS MEASURED

             -t, --clients=<CLIENTS>    Clients in this process, each with one operation in flight [client] (Default: 1)
             -d, --seconds=<SECONDS>    How long to measure [client] (Default: 10)
                    --warm=<SECONDS>    How long to run before that [client] (Default: 1)
               -W, --workload=<NAME>    What to ask: fixed, kv, contended, ycsb:A to F, or a property file (default: fixed for the app null, else kv) [both]
      -p, --property=<NAME=VALUE...>    A property of YCSB, such as recordcount; may be given many times [both]
      --load=<replicas|clients|none>    Who loads records of YCSB: each replica by itself, clients by operations, or nobody [both] (Default: replicas)
                   --op-size=<BYTES>    Bytes of an operation (workload fixed) or of a value (kv, contended) [client] (Default: 0)
                       --rate=<RATE>    Operations a second that arrive whether or not earlier ones completed; 0: closed loop [client] (Default: 0)
                        --think=<MS>    Pause of a client between two operations of a closed loop [client] (Default: 0)
                       --share=<I/N>    Which of N client processes this is, from 0: each inserts records of its own [client] (Default: 0/1)

    PROTOCOL

                         -b, --batch=<N>    Most operations in a batch or block [replicas] (default: what they tell)
                   --batch-bytes=<BYTES>    Most bytes of operations in one; an operation that is larger goes alone [replicas] (default: what they tell)
                              --adaptive    Close a batch whenever there is room in the pipeline, not only when it is full or 1 ms old [replicas] (default: what they tell)
                     --view-timeout=<MS>    First view timeout; clients retry after a quarter of it [replicas] (default: what they tell)
                    --checkpoint=<SLOTS>    Slots or blocks between checkpoints (nopaxos: 2048) [replicas] (default: what they tell)
           --requests=<direct|broadcast>    pbft, hotstuff, vr, hotstuff2, jolteon, tendermint, streamlet, zyzzyva: requests from 1 KiB go to the leader, or to all [replicas] (default: what they tell)
              --slow-leader=<leave|keep>    pbft, hotstuff, hotstuff2, jolteon, tendermint, streamlet, zyzzyva: leave or keep a leader that serves less than others [replicas] (default: what they tell)
      --leader=<fixed|rotate|reputation>    hotstuff, hotstuff2, jolteon, tendermint, streamlet: keep a leader until it fails, another each view, or a recent signer [replicas] (default: what they tell)

    CRYPTO

      --signature=<each|batch|hybrid>    One signature a message, one a Merkle tree of messages that wait, or one-time keys where few wait, else trees [replicas] (default: what they tell)
           --request-auth=<none|sign>    Whether clients sign requests, so that no replica can invent one [both] (Default: none)
                  --client-key=<FILE>    The key by which these clients sign requests (default: a fresh one) [client]
              --crypto=<native|noble>    libsecp256k1 in threads, or @noble/curves in this one [both, each its own] (Default: native)
                    -w, --workers=<N>    Signature threads; 0: the polling one (default: the CPUs of the mask, within the cgroup's quota, less one, at least 1) [both, each its own]
                    --instance=<NAME>    Signatures of one instance do not hold in another [both]

    NETWORK

       --network=<FILE>    The network that lies between, for the record; a fabric tells its own [client]
           --link=<DIR>    One replica and one client joined by one memif in DIR [both]
         --fabric=<DIR>    Join the fabric whose memif sockets are in DIR [both]
      --fabric-port=<N>    Which of the fabric's ports for clients [client] (Default: 0)
             --port=<N>    DPDK port to use, of a NIC or of --eal's [both, each its own] (Default: 0)
         --eal=<"ARGS">    More EAL arguments, for example --vdev=net_af_packet0,iface=eth0 [both, each its own]
          --mtu=<BYTES>    Bytes of a packet, the same for all: to 9000, 65535 over UDP [both] (Default: 1500)
          --drop=<RATE>    Share of arriving packets to lose on purpose, 0 to 1 [both, each its own] (Default: 0)

    PROCESSORS

                             --mask=<HEX>    CPUs: the first polls, the next ones sign (default: all that may be used, unpinned) [both, each its own]
      --idle=<busy|yield|auto|park|sleep>    What a turn without work does (default: busy on a NIC, sleep on other DPDK ports, auto where CPUs suffice, else park) [both, each its own]

    OUTPUT

         --json=<FILE>    Write what is printed at the end as one JSON object; -: to standard output [both, each its own]
      --history=<FILE>    Write every operation with its result and times, for the linearizability checker [client]
             --profile    Tell at the end where the time of the polling thread went [both, each its own] (Default: false)
       --census=<FILE>    Publish in FILE ten times a second how far this process is, for demo --watch [both, each its own]

    MESSAGES

      --verbose    Say more of what is done, on standard error
        --quiet    Say nothing there but warnings and errors

    HELP

      -h, --help    Show this text
       --version    Show versions, of the build and of DPDK too

    [replicas]: theirs; they tell clients, and a client that is given it refuses to run against another.
    [client]: the clients'. [both]: the same for replicas and clients, unless each has its own.
    "
  `));
  test("of fabric", async () =>
    expect(await shown("fabric")).toMatchInlineSnapshot(`
    "A switch of shared-memory ports for replicas and clients on one machine (fabric)

    USAGE fabric [OPTIONS] --config=<PREFIX> --dir=<DIR>

    NETWORK

      -c, --config=<PREFIX>    Reads PREFIX.config: a port for each replica, with its MAC address (Required)
                --dir=<DIR>    Where the sockets replica-<i>.sock and client-<i>.sock are made (Required)
         --client-ports=<N>    Ports for client processes (Default: 1)
              --mtu=<BYTES>    Bytes of a packet, the same for all: to 9000, 65535 over UDP (Default: 1500)
           --network=<FILE>    Latency, jitter, loss and bandwidth between the sites of a network (docs/evaluating.md)
                --sequencer    Be the configuration's first sequencer: stamp what is sent to it, in place (Default: false)

    FAULTS

           --drop=<RATE>    Share of frames to lose, 0 to 1 (Default: 0)
      --duplicate=<RATE>    Share of frames to send twice, 0 to 1 (Default: 0)
        --reorder=<RATE>    Share of frames to hold back behind later ones, 0 to 1 (Default: 0)
        --corrupt=<RATE>    Share of frames to flip a bit of, behind their header, 0 to 1 (Default: 0)
            --delay=<US>    Time that a frame spends in the fabric, in microseconds (Default: 0)
              --seed=<N>    Seed of the dice for the faults above (Default: 1)
        --control=<FILE>    Take --drop and --delay anew from FILE while it runs, for demo --watch

    PROCESSORS

      --mask=<HEX>    CPUs: the first one forwards (default: any, unpinned)

    OUTPUT

      --json=<FILE>    Write the counts of every port at the end as one JSON object; -: to standard output

    MESSAGES

      --verbose    Say more of what is done, on standard error
        --quiet    Say nothing there but warnings and errors

    HELP

      -h, --help    Show this text
       --version    Show versions, of the build and of DPDK too
    "
  `));
  test("of demo", async () =>
    expect(await shown("demo")).toMatchInlineSnapshot(`
    "Replicas and clients on this machine, and what they measured (npm run demo --)

    USAGE npm run demo -- [OPTIONS]

    WHAT RUNS

      -m, --mode=<unreplicated|unreplicated-signed|pbft|hotstuff|vr|nopaxos|hotstuff2|jolteon|tendermint|streamlet|zyzzyva>    The protocol; case does not matter [both] (Default: pbft)
                                                                                                           -f, --faults=<F>    Faults to tolerate, with the replicas that this takes [both] (Default: 1)
                                                                                           -a, --app=<null|kv|btree|sqlite>    What is replicated [replicas] (Default: null)
                                                                                                       --reply-size=<BYTES>    Bytes of a result of the app null [replicas] (Default: 0)

    WHAT IS MEASURED

             -t, --clients=<CLIENTS>    Clients in all, each with one operation in flight [client] (Default: 1)
              --client-processes=<N>    Processes that the clients run in; their results are merged [client] (Default: 1)
             -d, --seconds=<SECONDS>    How long to measure [client] (Default: 5)
                    --warm=<SECONDS>    How long to run before that [client] (Default: 1)
               -W, --workload=<NAME>    What to ask: fixed, kv, contended, ycsb:A to F, or a property file (default: fixed for the app null, else kv) [both]
      -p, --property=<NAME=VALUE...>    A property of YCSB, such as recordcount; may be given many times [both]
      --load=<replicas|clients|none>    Who loads records of YCSB: each replica by itself, clients by operations, or nobody [both] (Default: replicas)
                   --op-size=<BYTES>    Bytes of an operation (workload fixed) or of a value (kv, contended) [client] (Default: 0)
                       --rate=<RATE>    Operations a second that arrive whether or not earlier ones completed; 0: closed loop [client] (Default: 0)
                        --think=<MS>    Pause of a client between two operations of a closed loop [client] (Default: 0)

    PROTOCOL

                         -b, --batch=<N>    Most operations in a batch or block [replicas] (Default: 1)
                   --batch-bytes=<BYTES>    Most bytes of operations in one; an operation that is larger goes alone [replicas] (Default: 1048576)
                              --adaptive    Close a batch whenever there is room in the pipeline, not only when it is full or 1 ms old [replicas] (Default: false)
                     --view-timeout=<MS>    First view timeout; clients retry after a quarter of it [replicas] (Default: 500)
                    --checkpoint=<SLOTS>    Slots or blocks between checkpoints (nopaxos: 2048) [replicas] (Default: 128)
           --requests=<direct|broadcast>    pbft, hotstuff, vr, hotstuff2, jolteon, tendermint, streamlet, zyzzyva: requests from 1 KiB go to the leader, or to all (default: direct) [replicas]
              --slow-leader=<leave|keep>    pbft, hotstuff, hotstuff2, jolteon, tendermint, streamlet, zyzzyva: leave or keep a leader that serves less than others (default: leave) [replicas]
      --leader=<fixed|rotate|reputation>    hotstuff, hotstuff2, jolteon, tendermint, streamlet: keep a leader until it fails, another each view, or a recent signer (default: fixed) [replicas]

    CRYPTO

      --signature=<each|batch|hybrid>    One signature a message, one a Merkle tree of messages that wait, or one-time keys where few wait, else trees [replicas] (Default: batch)
           --request-auth=<none|sign>    Whether clients sign requests, so that no replica can invent one [both] (Default: none)
                  --client-key=<FILE>    The key by which these clients sign requests (default: a fresh one) [client]
              --crypto=<native|noble>    libsecp256k1 in threads, or @noble/curves in this one [both, each its own] (Default: native)
                    -w, --workers=<N>    Signature threads (default: none where processes outnumber the CPUs, else the CPUs less one) [both, each its own]

    NETWORK

            --transport=<dpdk|udp>    Shared-memory ports of DPDK, or sockets of the loopback interface [both] (Default: dpdk)
               --network=<NETWORK>    Put it between the processes: a name of docs/networks/, or a file like those [both]
      --sequencer=<fabric|process>    What stamps messages, where the mode has a sequencer: DPDK's switch, or a process (default: the switch, if there is one and operations fit a packet) [both]
                     --mtu=<BYTES>    Bytes of a packet, the same for all: to 9000, 65535 over UDP [both] (Default: 1500)
                     --drop=<RATE>    Share of arriving packets to lose on purpose, 0 to 1 [both, each its own] (Default: 0)

    PROCESSORS

                             --mask=<HEX>    CPUs: the first polls, the next ones sign (default: all that may be used, unpinned) [both, each its own]
      --idle=<busy|yield|auto|park|sleep>    What a turn without work does (default: busy on a NIC, sleep on other DPDK ports, auto where CPUs suffice, else park) [both, each its own]

    OUTPUT

             --json=<FILE>    Write the result as one JSON object; -: to standard output
          --history=<FILE>    Write every operation with its result and times, for the linearizability checker [client]
                 --profile    Tell at the end where the time of the polling thread went [both, each its own] (Default: false)
                   --watch    Serve a page on which the cluster is seen, and its replicas are killed (Default: false)
      --watch-on=<ADDRESS>    The interface that --watch serves on (Default: 127.0.0.1)

    MESSAGES

      --verbose    Say more of what is done, on standard error
        --quiet    Say nothing there but warnings and errors

    HELP

      -h, --help    Show this text
       --version    Show versions, of the build and of DPDK too

    [replicas]: theirs; they tell clients, and a client that is given it refuses to run against another.
    [client]: the clients'. [both]: the same for replicas and clients, unless each has its own.
    "
  `));
});
