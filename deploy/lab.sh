#!/bin/sh
# As root: a lab in network namespaces. Six "hosts", each with an sshd, a home directory and two
# interfaces of its own, one for ssh and one for a DPDK af_packet port: Ansible checks them, copies
# the bundle, runs a plan with four PBFT replicas and a client, and with three of NOPaxos and a
# sequencer, and meets a host that dies. Installs nothing, leaves nothing behind, and ends with the
# line `N passed, N failed`.
#
#   deploy/lab.sh [OUTPUT]      keeps what the steps printed and collected in the directory OUTPUT
case ${1:-} in
-h | --help)
  sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"
  exit 0
  ;;
esac
set -u
root=$(cd "$(dirname "$0")/.." && pwd)
ansible="$root/deploy/ansible"
sshd=/usr/sbin/sshd
packages='ansible-core openssh-client openssh-server openssl'

# shellcheck source=SCRIPTDIR/netns.sh
. "$root/deploy/netns.sh"
for program in ansible-playbook ssh ssh-keygen openssl "$sshd"; do
  command -v "$program" >/dev/null ||
    fail "needs $program; as root: apt-get install $packages"
done
bun=$root/node_modules/.bin/bun
[ -x "$bun" ] || bun=$(command -v bun) || fail "needs bun; run: npm install"
"$bun" "$root/build.ts" --bundle || fail "there is no bundle"

output=${1:-$work/output}
# Beside the bundle, since six copies of it may be too much for a /tmp in memory.
homes=$(mktemp -d "$root/target/lab-XXXXXX")
rubbish=$homes
mkdir -p "$output" "$work/home"
network=10.77.0

# host NAME NUMBER MAC: a namespace with the interfaces control and data on the bridges, and an sshd
# that sees a home directory of its own, and none of this machine's /run and /tmp.
host() {
  namespace="$prefix-$1"
  home="$homes/$1"
  mkdir -p "$home/.ssh"
  ip netns add "$namespace"
  link() { ip link add "$1" netns "$bridge" type veth peer name "$2" netns "$namespace"; }
  link "c-$1" control
  link "d-$1" data
  ip -n "$namespace" link set data address "$3"
  ip -n "$bridge" link set "c-$1" master control up
  ip -n "$bridge" link set "d-$1" master data up
  ip -n "$namespace" link set control up
  ip -n "$namespace" link set data up
  ip -n "$namespace" link set lo up
  ip -n "$namespace" address add "$network.$2/24" dev control
  ssh-keygen -q -t ed25519 -N '' -C "$1" -f "$home/.ssh/host_key"
  echo "$network.$2 $(cut -d ' ' -f 1,2 "$home/.ssh/host_key.pub")" >>"$work/known_hosts"
  cp "$work/key.pub" "$home/.ssh/authorized_keys"
  cat >"$home/.ssh/sshd_config" <<END
ListenAddress $network.$2
HostKey /root/.ssh/host_key
AuthorizedKeysFile /root/.ssh/authorized_keys
PermitRootLogin prohibit-password
PasswordAuthentication no
UsePAM no
UseDNS no
PidFile none
Subsystem sftp internal-sftp
END
  # shellcheck disable=SC2016
  ip netns exec "$namespace" sh -ec '
    mount --bind "$1" /root
    mount -t tmpfs tmpfs /run
    mount -t tmpfs tmpfs /tmp
    mkdir /run/sshd
    exec "$2" -D -e -f /root/.ssh/sshd_config
  ' sh "$home" "$sshd" >"$output/sshd-$1.log" 2>&1 </dev/null &
}

# control SECONDS COMMAND...: a program on the machine that controls the lab, for so long at most.
control() {
  limit=$1
  shift
  ip netns exec "$bridge" timeout -k 10 "$limit" env HOME="$work/home" LC_ALL=C.UTF-8 \
    ANSIBLE_CONFIG="$ansible/ansible.cfg" ANSIBLE_SSH_CONTROL_PATH_DIR="$work/ssh" "$@" </dev/null
}

# playbook NAME ARGS...: runs it, its output to a log.
playbook() {
  log="$output/$1.log"
  name=$1
  shift
  control 180 ansible-playbook -i "$work/hosts.ini" "$ansible/$name.yml" "$@" >"$log" 2>&1
}

logged() { # PATTERN: a line of the last log has it
  grep -Eq -- "$1" "$log"
}

set -e
ssh-keygen -q -t ed25519 -N '' -C lab -f "$work/key"
ip netns add "$bridge"
ip -n "$bridge" link set lo up
for net in control data; do
  ip -n "$bridge" link add "$net" type bridge
  ip -n "$bridge" link set "$net" up
done
ip -n "$bridge" address add "$network.1/24" dev control
{
  echo '[replicas]'
  number=10
  for byte in aa bb cc dd; do
    mac="12:34:56:$byte:$byte:$byte"
    name="replica$((number - 10))"
    host "$name" "$number" "$mac"
    echo "$name ansible_host=$network.$number oskr_address=$mac%0"
    number=$((number + 1))
  done
  echo '[sequencers]'
  host sequencer0 "$number" 12:34:56:ff:ff:ff
  echo "sequencer0 ansible_host=$network.$number oskr_address=12:34:56:ff:ff:ff%0"
  echo '[clients]'
  host client0 20 12:34:56:ee:ee:ee
  echo "client0 ansible_host=$network.20"
  cat <<END
[all:vars]
ansible_user=root
ansible_ssh_private_key_file=$work/key
ansible_ssh_common_args=-F none -o UserKnownHostsFile=$work/known_hosts
oskr_directory=/root/oskr
oskr_keys=$work/keys
oskr_multicast=01:00:5e:00:00:01%255
oskr_eal=--vdev=net_af_packet0,iface=data
oskr_options=--idle sleep --view-timeout 5000
END
} >"$work/hosts.ini"
set +e

check 'hosts are checked before anything was copied' playbook check
for warning in 'huge pages' 'bound to vfio-pci' 'run copy.yml'; do
  check "a warning: $warning" logged "$warning"
done
check 'the bundle is copied' playbook copy
check 'copied again, nothing changes' playbook copy
check 'indeed' logged '^client0 .* changed=0 '
check 'hosts are checked again' playbook check
check 'executables start there' sh -c "! grep -q 'run copy.yml' '$log'"

# A plan of three points, measured on the lab by the command that users give.
cat >"$work/plan.json" <<END
{
  "seconds": 1, "warmSeconds": 0.5, "repetitions": 1,
  "mode": "pbft", "clients": 4, "workers": 1,
  "groups": [{ "fault": ["none", "silent"] }, { "mode": "nopaxos" }]
}
END
sweep() { # NAME
  log="$output/$1.log"
  control 300 "$bun" "$root/src/bin/bench.ts" sweep "$work/plan.json" \
    --inventory "$work/hosts.ini" --out "$output/plan" >"$log" 2>&1
}
# count FIELD FILE: the first number of that name in a JSON file.
count() {
  number=$(grep -o "\"$1\": *[0-9]*" "$2" 2>/dev/null | head -n 1 | sed 's/.*: *//')
  echo "${number:-0}"
}
check 'a plan is measured on the lab' sweep sweep
for fault in none silent; do
  grep '"mode": *"pbft"' "$output/plan/runs.jsonl" |
    grep "\"fault\": *\"$fault\"" >"$work/$fault.json"
  operations=$(count operations "$work/$fault.json")
  check "fault $fault, operations: $operations" [ "$operations" -gt 0 ]
done
for run in none:4 silent:3; do
  digests=$(grep -o '"stateDigest"' "$work/${run%:*}.json" | wc -l)
  check "fault ${run%:*}, results of ${run#*:} replicas" [ "$digests" -eq "${run#*:}" ]
done
grep '"mode": *"nopaxos"' "$output/plan/runs.jsonl" >"$work/ordered.json"
operations=$(count operations "$work/ordered.json")
check "through a sequencer, operations: $operations" [ "$operations" -gt 0 ]
check 'it told what it is' grep -q '"sequencer": *\[{"kind":"process"' "$work/ordered.json"
check 'a second time' sweep again
check 'nothing new is run' logged '3 points, 3 runs, 0 of them to be done'

# in_order PATTERN PATTERN: the log tells of the first before the second, while clients run.
in_order() {
  sed -n '/^TASK .*Run the clients/,/^TASK .*Look/p' "$log" | grep -Eo -- "$1|$2" | head -n 1 |
    grep -Eq -- "$1"
}

# Who watches the lab, and the numbers of its page.
watch_log="$output/watch.log"
control 300 "$bun" "$root/src/bin/watch.ts" --inventory "$work/hosts.ini" >"$watch_log" 2>&1 &
watching=$!
told() { # PATTERN
  address=$(sed -n 's|^watch it: \(.*\)/?\(token=.*\)|\1/metrics?\2|p' "$watch_log")
  control 20 "$bun" -e 'console.log(await (await fetch(process.argv[1])).text())' "$address" \
    >"$output/metrics.txt" 2>&1 && grep -Eq -- "$1" "$output/metrics.txt"
}

# The playbook as such, with a host that dies while the client measures.
rm -rf "$homes"/*/oskr/run
log="$output/run.log"
results="$output/death"
playbook run -e "{oskr_results: '$results', oskr_seconds: 21,
  oskr_client_options: [[--clients, '4', --seconds, '20']]}" &
background=$!
measuring() {
  grep -q 'operations a second' "$homes/client0/oskr/run/client.log" 2>/dev/null
}
patience=60
until measuring; do
  [ "$patience" -gt 0 ] && kill -0 "$background" 2>/dev/null || break
  patience=$((patience - 1))
  sleep 1
done
check 'the client measures' measuring
check 'who watches the lab sees it' told '^oskr_operations_total\{mode="pbft"\} [1-9]'
check 'and a replica that executes' told '^oskr_replica_executed_total\{.*replica="3"\} [1-9]'
# Links first, so that no connection is closed: it just falls silent, as when the power is cut.
ip -n "$bridge" link delete c-replica3
ip -n "$bridge" link delete d-replica3
end_all "$prefix-replica3"
died=$(date +%s)
down='^oskr_replica_up\{.*replica="3"\} 0'
patience=20
until told "$down"; do
  [ "$patience" -gt 0 ] || break
  patience=$((patience - 1))
  sleep 1
done
check 'who watches the lab sees that host down' told "$down"
check 'and another one up' grep -Eq '^oskr_replica_up\{.*replica="0"\} 1' "$output/metrics.txt"
for pid in $(ip netns pids "$bridge"); do
  # Neither what waits for it nor what limits its time.
  case $(readlink "/proc/$pid/exe") in *bun*)
    tr '\0' ' ' <"/proc/$pid/cmdline" | grep -q 'watch\.ts' && kill -TERM "$pid" ;;
  esac
done
stopped=0
wait "$watching" || stopped=$?
check 'and stops when it is told to' [ "$stopped" -eq 0 ]
status=0
wait "$background" || status=$?
background=
took=$(($(date +%s) - died))
check 'the run fails' [ "$status" -ne 0 ]
check "and soon: after $took s" [ "$took" -le 90 ]
check 'while the client still measured' in_order 'replica3\]: UNREACHABLE' 'changed: \[client0\]'
check 'the dead host is named' logged 'no result of replica3;'
check 'it was unreachable, and no other host' [ "$(grep -c 'unreachable=1' "$log")" -eq 1 ]
for name in replica0 replica1 replica2; do
  check "what $name told is collected" grep -q executed "$results/$name/replica.json"
  check "so is its log" grep -q "runs pbft on dpdk" "$results/$name/replica.log"
done
operations=$(count operations "$results/client0/client.json")
check "the client went on with three replicas: $operations operations" [ "$operations" -gt 0 ]
running() { # NAME: the number of oskr's processes on that host
  for pid in $(ip netns pids "$prefix-$1"); do
    readlink "/proc/$pid/exe"
  done | grep -Ec '/oskr/(replica|client)$'
}
for name in replica0 replica1 replica2 sequencer0 client0; do
  check "nothing runs on $name any more" [ "$(running "$name")" -eq 0 ]
done

conclude
