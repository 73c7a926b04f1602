# lib.sh - a host, two ways outside and three guests, each a network namespace. Sourced by run, inside
# namespaces of its own.
#
#	out  198.51.100.2 -- eth0 198.51.100.1 \          / bridge 1 10.200.0.1/24 -- tap 1 -- a 10.200.0.2
#	     203.0.113.5, 169.254.169.254       > the host                          `- tap 2 -- b 10.200.0.3
#	out2 192.0.2.2    -- eth1 192.0.2.1    /          \ bridge 2 10.201.0.1/24 -- tap 3 -- c 10.201.0.2
# shellcheck shell=bash disable=SC2154 # build and dir are of who sources it

export RECONCILE_HELPER_SOCKET=/nonexistent/socket # the helper is a child of fwctl
mac_a=02:00:00:00:00:0a mac_b=02:00:00:00:00:0b mac_c=02:00:00:00:00:0c

fwctl() { "$build/tests/firewall/fwctl" "$build" "$@"; }
in_ns() { ip netns exec "$@"; }

# wait_for FILE: until a server or a relay has said that it is there.
wait_for() {
	local i
	for ((i = 0; i < 200; i++)); do
		grep -qs ready "$1" && return
		sleep 0.05
	done
	echo "# $1 never became ready" >&2
	return 1
}

# serve NAMESPACE PORT...: "host" is the host itself.
serve() {
	local name=$1 log=$dir/serve-$1
	shift
	if [ "$name" = host ]; then
		tests/firewall/serve host "$@" >"$log" 2>&1 &
	else
		in_ns "$name" tests/firewall/serve "$name" "$@" >"$log" 2>&1 &
	fi
	wait_for "$log"
}

# wire NAMESPACE HOST-INTERFACE HOST-ADDRESS ADDRESS
wire() {
	ip netns add "$1"
	ip link add "$2" type veth peer name net0 netns "$1"
	ip addr add "$3" dev "$2"
	ip link set "$2" up
	in_ns "$1" ip addr add "$4" dev net0
	in_ns "$1" ip link set lo up
	in_ns "$1" ip link set net0 up
}

# guest NAME TAP BRIDGE MAC ADDRESS GATEWAY
guest() {
	ip netns add "$1"
	fwctl tap "$2" "$3"
	"$build/tests/firewall/relay" "$(fwctl names "$2" | cut -d' ' -f2)" "/run/netns/$1" "$4" \
		>"$dir/relay-$1" 2>&1 &
	wait_for "$dir/relay-$1"
	in_ns "$1" ip addr add "$5/24" dev eth0
	in_ns "$1" ip link set lo up
	in_ns "$1" ip link set eth0 up
	in_ns "$1" ip route add default via "$6"
}

set_up_world() {
	ip link set lo up
	echo 0 >/proc/sys/net/ipv4/ip_forward
	# Where the kernel has it, it begins switched on; a test of its own does that.
	[ ! -e /proc/sys/net/bridge ] || sysctl -qw net.bridge.bridge-nf-call-iptables=0
	wire out eth0 198.51.100.1/24 198.51.100.2/24
	wire out2 eth1 192.0.2.1/24 192.0.2.2/24
	in_ns out ip addr add 203.0.113.5/32 dev lo
	in_ns out ip addr add 169.254.169.254/32 dev lo
	ip route add default via 198.51.100.2
	fwctl bridge 1 10.200.0.1/24
	fwctl bridge 2 10.201.0.1/24
	guest a 1 1 $mac_a 10.200.0.2 10.200.0.1
	guest b 2 1 $mac_b 10.200.0.3 10.200.0.1
	guest c 3 2 $mac_c 10.201.0.2 10.201.0.1
	serve host 9000 53
	serve out 7000
	serve out2 7000
	serve a 80
	serve b 80
	serve c 80
}

# The networks, with what a test adds.
net1() {
	fwctl set 1 gateway=10.200.0.1/24 guest=1,$mac_a,10.200.0.2 guest=2,$mac_b,10.200.0.3 "$@"
}
net2() {
	fwctl set 2 gateway=10.201.0.1/24 guest=3,$mac_c,10.201.0.2 "$@"
}

# tcp FROM ADDRESS PORT: what the server there says; nothing within a second is "".
tcp() {
	local from=$1
	shift
	if [ "$from" = host ]; then
		timeout 1 bash -c "read -r line <\"/dev/tcp/$1/$2\" && echo \"\$line\"" 2>/dev/null
	else
		in_ns "$from" timeout 1 bash -c "read -r line <\"/dev/tcp/$1/$2\" && echo \"\$line\"" 2>/dev/null
	fi
}

udp() {
	local from=$1
	shift
	if [ "$from" = host ]; then
		echo ask | timeout 1 nc -u -W1 "$1" "$2" 2>/dev/null
	else
		echo ask | in_ns "$from" timeout 1 nc -u -W1 "$1" "$2" 2>/dev/null
	fi
}

pings() { in_ns "$1" ping -q -c1 -W1 "$2" >/dev/null 2>&1; }

# allowed DESCRIPTION ANSWER FROM ADDRESS PORT
allowed() { tap_is "$1" "$(tcp "$3" "$4" "$5")" "$2"; }
denied() { tap_is "$1" "$(tcp "$2" "$3" "$4")" ""; }
