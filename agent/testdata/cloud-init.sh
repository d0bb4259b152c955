#!/bin/bash
# Installs cloud-init over this machine's root, in an overlay that ends with this process, and boots a system from each seed below a
# folder: the four stages of cloud-init, in separate namespaces. Nothing of the machine changes. Run it as root, in namespaces:
#   unshare --mount --pid --fork --kill-child cloud-init.sh FOLDER
# Each seed is a folder FOLDER/seeds/NAME with the files of the seed; "renderer", "macs" and "boots" beside them name the network renderer,
# the MAC addresses of the adapters, and the number of boots. Results go to FOLDER/results/NAME.
set -euo pipefail

folder=$1

over() { # over MERGED LOWER: mounts an overlay whose changes are in memory
  mkdir -p "$1.tmp" "$1"
  mount -t tmpfs -o size=1g overlay "$1.tmp"
  mkdir "$1.tmp/upper" "$1.tmp/work"
  mount -t overlay -o "lowerdir=$2,upperdir=$1.tmp/upper,workdir=$1.tmp/work" overlay "$1"
}

if [ $# = 1 ]; then
  over "$folder/image" /
  image=$folder/image
  mount -t proc proc "$image/proc"
  mount --rbind /dev "$image/dev"
  mount -t tmpfs run "$image/run"
  mount -t tmpfs tmp "$image/tmp"
  printf '#!/bin/sh\nexit 101\n' >"$image/usr/sbin/policy-rc.d" # no service starts
  chmod +x "$image/usr/sbin/policy-rc.d"
  chroot "$image" sh -ec '
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -qq -y --no-install-recommends cloud-init locales sudo ifupdown netplan.io openssh-server iproute2 perl-base udev mawk
    echo de_DE.UTF-8 UTF-8 >/etc/locale.gen # in the image, since Debian'"'"'s cloud-init cannot generate it
    locale-gen
    id present >/dev/null 2>&1 || useradd --create-home present # an account that the image has
    install -m 700 -d /var/lib/hyperv
    : >/var/lib/hyperv/.kvp_pool_1 # the daemon of Hyper-V runs
  ' >"$folder/install.log" 2>&1
  umount -l "$image/dev" "$image/proc" "$image/run" "$image/tmp"
  mkdir -p "$folder/results"
  ls "$folder/seeds" | xargs -P 2 -I NAME unshare --mount --uts --net --pid --ipc --fork --kill-child bash "$0" "$folder" NAME
  exit
fi

# One system, in its namespaces.
name=$2
seed=$folder/seeds/$name
results=$folder/results/$name
root=$folder/roots/$name
mkdir -p "$results" "$folder/roots"
over "$root" "$folder/image.tmp/upper:/"
mount -t proc proc "$root/proc"
mount -t sysfs sys "$root/sys"
mount --rbind /dev "$root/dev"
number=0
for mac in $(cat "$seed/macs"); do
  chroot "$root" ip link add "nic$number" address "$mac" type veth peer name "peer$number"
  number=$((number + 1))
done
mkdir -p "$root/var/lib/cloud/seed/nocloud" "$root/etc/cloud/cloud.cfg.d"
cp "$seed"/files/* "$root/var/lib/cloud/seed/nocloud/"
# One type of host key, since keys take most of the time of a boot.
printf 'datasource_list: [NoCloud, None]\nlocale: C.UTF-8\nssh_genkeytypes: [ed25519]\nsystem_info: {network: {renderers: [%s]}}\n' "$(cat "$seed/renderer")" >"$root/etc/cloud/cloud.cfg.d/99-test.cfg"
for boot in $(seq "$(cat "$seed/boots")"); do
  mount -t tmpfs run "$root/run"
  chroot "$root" sh -c 'cloud-init init --local; cloud-init init; cloud-init modules --mode=config; cloud-init modules --mode=final' >"$results/boot$boot.log" 2>&1 || true
  for try in $(seq 600); do # the agent's last command waits for the result, and reports it
    [ ! -s "$root/run/cloud-init/result.json" ] || tr -d '\0' <"$root/var/lib/hyperv/.kvp_pool_1" | grep -q 'hypervvm.setup[df]' && break
    sleep 0.1
  done
  cp "$root/run/cloud-init/result.json" "$results/result$boot.json"
  chroot "$root" sh -c 'find /etc /home /root/.ssh /var/lib/hyperv -type f ! -path "/etc/ssh/*" ! -name .kvp_pool_1 -exec sha256sum {} + 2>/dev/null' | sort >"$results/files$boot"
  umount "$root/run"
done
hostname >"$results/hostname"
cd "$root"
cp -L etc/hosts etc/passwd etc/shadow etc/ssh/sshd_config etc/default/locale "$results/" 2>/dev/null || true
cat etc/ssh/sshd_config.d/*cloud* >>"$results/sshd_config" 2>/dev/null || true
cat etc/sudoers.d/90-cloud-init-users >"$results/sudoers" 2>/dev/null || true
cat etc/network/interfaces.d/*cloud-init* etc/netplan/*cloud-init* >"$results/network" 2>/dev/null || true
readlink etc/localtime >"$results/localtime" || true
tr -d '\0' <var/lib/hyperv/.kvp_pool_1 >"$results/pool"
for home in home/* root; do [ ! -f "$home/.ssh/authorized_keys" ] || cp "$home/.ssh/authorized_keys" "$results/keys-$(basename "$home")"; done
chroot "$root" cloud-init schema --config-file /var/lib/cloud/instance/cloud-config.txt >"$results/schema" 2>&1 || true
