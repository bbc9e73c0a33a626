# The end of /init on a machine of matrix.sh, which sets build, source, units and limit. Runs the units as root.
export PATH=/usr/sbin:/usr/bin LANG=C.UTF-8 HOME=/root VMIO_LIMIT="$limit"
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs shm /dev/shm
mount -t devpts pts /dev/pts
ln -sf /proc/self/fd /dev/fd
ldconfig
echo core >/proc/sys/kernel/core_pattern
for module in loop btrfs overlay fuse; do modprobe $module 2>/dev/null; done
echo "$(uname -rm), pages of $(getconf PAGESIZE)"
VMIO_MAY_SKIP=$(sh "$source/test/scripts/absent_needs.sh")
export VMIO_MAY_SKIP
cd "$build/test" || exit 1
# shellcheck disable=SC2086  # a list of units
sh "$source/test/scripts/units.sh" "$build/test" /reports $units
uname -a >/reports/machine
sync
echo o >/proc/sysrq-trigger
sleep 60
