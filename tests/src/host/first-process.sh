# The first process of a host: sets it up, tells its process id, and waits for the end of its input.
# $1 is the host's name, $2 a directory of its own.
read -r pid rest < /proc/self/stat
mount -t proc proc /proc
mount -t tmpfs tmpfs /run
hostname "$1"
printf '127.0.0.1 localhost\n::1 localhost\n127.0.1.1 %s\n' "$1" > "$2/hosts"
mount --bind "$2/hosts" /etc/hosts
# Duplicate address detection takes a second and these addresses are ours.
echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad
echo 0 > /proc/sys/net/ipv6/conf/all/accept_dad
ip link set lo up
# Most computers have cubic; what the kernel of a test machine prefers must not colour a measurement.
sysctl -qw net.ipv4.tcp_congestion_control=cubic 2>/dev/null
echo "ready $pid"
read -r end
