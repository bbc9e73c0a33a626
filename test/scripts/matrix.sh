#!/bin/sh
# matrix.sh BUILD [KERNEL|ARCH]...: runs the units of a build on other kernels, in qemu, and prints a table.
#   KERNEL  5.10, 6.1, 6.12 or newest: that of the Debian release which has it; all of them if none is named
#   ARCH    amd64 (default) or arm64, for which BUILD-arm64 must be a cross build
# Kernels, and the root that the tests need, are Debian's own, from the mirror that this machine uses, and are kept in
# build-matrix/, so that a second run needs no download. KVM is used if a kernel really boots with it, else emulation.
#   VMIO_UNITS    the units to run; all that are built
#   VMIO_LIMIT    seconds for a unit, 600; VMIO_TIMEOUT for a machine, 7200
#   VMIO_MATRIX   the directory instead of build-matrix
# Exits 0 only if nothing failed.
set -eu
scripts=$(realpath "$(dirname "$0")")
source=$(realpath "$scripts/../..")
build=$(realpath "$1")
shift
matrix=$(realpath -m "${VMIO_MATRIX:-$source/build-matrix}")
cache=$matrix/cache
mkdir -p "$cache"
# Whichever this machine uses.
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -v security | head -n 1)
# shellcheck source=/dev/null
release=$(. /etc/os-release && echo "$VERSION_CODENAME")  # the root's is that of the libraries of the build

kernels=
archs=
for word in "$@"; do
    case $word in
        amd64 | arm64) archs="$archs $word" ;;
        5.10 | 6.1 | 6.12 | newest) kernels="$kernels $word" ;;
        *) echo "matrix.sh: neither a kernel nor an architecture: $word" >&2; exit 2 ;;
    esac
done

suite_of() {
    case $1 in 5.10) echo bullseye ;; 6.1) echo bookworm ;; 6.12) echo trixie ;; newest) echo sid ;; esac
}

# kernel_of SUITE ARCH: fetches the newest kernel of a release, by an apt of its own, once; prints its directory.
kernel_of() {
    kept=$cache/kernel-$1-$2
    if [ ! -d "$kept" ]; then
        apt=$cache/apt-$1-$2
        mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/parts"
        : >"$apt/status"
        echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $1 main" >"$apt/list"
        cat >"$apt/conf" <<X
APT::Architecture "$2"; APT::Architectures { "$2"; }; APT::Sandbox::User "root";
Dir::State::Lists "$apt/lists"; Dir::State::status "$apt/status"; Dir::Cache "$apt/cache";
Dir::Etc::SourceList "$apt/list"; Dir::Etc::SourceParts "$apt/parts";
X
        apt-get -qq -c "$apt/conf" update >&2
        name=$(apt-cache -c "$apt/conf" pkgnames linux-image- | grep -E "^linux-image-[0-9].*[0-9]-cloud-$2\$" | sort -V |
            tail -n 1)
        rm -rf "$kept.part"
        mkdir "$kept.part"
        (cd "$kept.part" && apt-get -qq -c "$apt/conf" download "$name" >&2 && dpkg-deb -x ./*.deb . && rm ./*.deb)
        mv "$kept.part" "$kept"
    fi
    echo "$kept"
}

# modules_of KERNEL: prints the directory of its modules.
modules_of() {
    find "$1/lib/modules" "$1/usr/lib/modules" -maxdepth 1 -mindepth 1 -type d 2>/dev/null | head -n 1
}

# root_of ARCH: what the tests call, and the libraries of the build; unpacked and not configured, so that another
# machine's root needs no emulation.
root_of() {
    kept=$cache/root-$release-$1
    if [ ! -d "$kept" ]; then
        libraries=$(find "$build/test" -maxdepth 1 -name 'test_*' -type f -perm -u+x -exec ldd {} + | sed -n 's/.* => \(\/[^ ]*\) .*/\1/p' |
            grep -v "^$build" | sort -u | xargs realpath | xargs dpkg -S 2>/dev/null | sed 's/:.*//' | sort -u | paste -s -d, -)
        rm -rf "$kept.part"
        mmdebstrap --quiet --architectures="$1" --variant=extract --skip=check/qemu \
            --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr --dpkgopt='path-exclude=/usr/share/doc/*' \
            --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/man/*' \
            --include="dash,coreutils,grep,sed,util-linux,python3,gdb,gzip,zstd,binutils,btrfs-progs,procps,kmod,mount,mawk,libc-bin,busybox-static,$libraries" \
            "$release" "$kept.part" "deb $mirror $release main" >&2
        mv "$kept.part" "$kept"
    fi
    echo "$kept"
}

# disk KERNEL ROOT BUILD TO: the root, the kernel's modules, and the test programs where they were built.
disk() {
    modules=$(modules_of "$1")
    tree=$4/tree
    rm -rf "$tree"
    cp -al "$2" "$tree"
    mkdir -p "$tree/proc" "$tree/sys" "$tree/run" "$tree/root" "$tree/dev" "$tree/usr/lib/modules"
    mkdir -p "$tree/tmp" "$tree/var/tmp"
    chmod 1777 "$tree/tmp" "$tree/var/tmp"
    printf 'root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n' >"$tree/etc/passwd"
    [ -e "$tree/usr/bin/awk" ] || ln -s mawk "$tree/usr/bin/awk"
    [ -e "$tree/usr/bin/sh" ] || ln -s dash "$tree/usr/bin/sh"
    cp -al "$modules" "$tree/usr/lib/modules/"
    depmod -b "$tree" "${modules##*/}"
    for part in src examples test; do
        mkdir -p "$tree$3/$part"
        find "$3/$part" -maxdepth 1 \( -type f ! -name '*.cpp' ! -name '*.a' -o -type l \) -exec cp -a -t "$tree$3/$part" {} +
    done
    mkdir -p "$tree$source/test" "$tree$3/test/reports"
    cp -a "$source/test/fuzz" "$source/test/support" "$source/test/scripts" "$tree$source/test/"
    rm -f "$tree/init"
    { echo '#!/bin/sh'; echo "build=$3 source=$source units='$(echo "$units" | paste -s -d " " -)' limit=${VMIO_LIMIT:-600}"; } >"$tree/init"
    cat "$scripts/guest.sh" >>"$tree/init"
    chmod +x "$tree/init"
    rm -f "$4/disk.ext4"
    truncate -s "$(($(du -sm "$tree" | cut -f1) + 700))M" "$4/disk.ext4"
    mkfs.ext4 -q -F -d "$tree" "$4/disk.ext4"
    rm -rf "$tree"
}

# early KERNEL ROOT TO: what mounts the disk: busybox, and the modules on the way to it in the order of need.
early() {
    modules=$(modules_of "$1")
    rm -rf "$3/early"
    mkdir -p "$3/early/dev" "$3/early/root" "$3/early/lib"
    cp "$2/bin/busybox" "$3/early/busybox"
    for module in virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk crc16 mbcache jbd2 ext4; do
        file=$(find "$modules" -name "$module.ko*")
        case $file in
            *.xz) xz -dc "$file" >"$3/early/lib/$module.ko" ;;
            ?*) cp "$file" "$3/early/lib/" ;;
        esac
    done
    cat >"$3/early/init" <<'X'
#!/busybox sh
/busybox mount -t devtmpfs dev /dev
for round in 1 2 3; do for m in /lib/*.ko; do /busybox insmod $m 2>/dev/null; done; done
echo "early: up"
[ -z "$only_try" ] || /busybox poweroff -f
until [ -b /dev/vda ]; do /busybox sleep 0.1; done
/busybox mount -t ext4 /dev/vda /root && /busybox mount -t devtmpfs dev /root/dev
/busybox mkdir -p /root/dev/shm /root/dev/pts
exec /busybox switch_root /root /init
X
    chmod +x "$3/early/init"
    (cd "$3/early" && find . | cpio --quiet -o -H newc | gzip -1 >../early.gz)
}

# boot SECONDS ACCELERATOR KERNEL ARCH DIRECTORY [PARAMETER...]
boot() {
    limit=$1 accelerator=$2 arch=$4 directory=$5
    image=$(find "$3/boot" -name 'vmlinu[xz]-*' | head -n 1)
    shift 5
    case $arch in
        amd64) machine=qemu-system-x86_64 console=ttyS0 ;;
        arm64) machine="qemu-system-aarch64 -machine virt" console=ttyAMA0 ;;
    esac
    case $accelerator in
        kvm) processor=host,-arch-capabilities ;;
        *) [ "$arch" = arm64 ] && processor=cortex-a72 || processor=max ;;
    esac
    disk=
    [ ! -e "$directory/disk.ext4" ] || disk="-drive file=$directory/disk.ext4,if=none,id=d,format=raw,cache=unsafe
        -device virtio-blk-pci,drive=d"
    # no_timer_check: an emulated timer on a busy machine is too late for the kernel's own check of it.
    # shellcheck disable=SC2086  # options
    timeout "$limit" $machine -cpu $processor -accel "$accelerator" -smp 2 -m 2048 -nic none -nographic -no-reboot \
        -kernel "$image" -initrd "$directory/early.gz" \
        -append "console=$console quiet panic=-1 no_timer_check $*" $disk </dev/null 2>&1 | stdbuf -oL tr -d '\r'
}

directories=
kvm=unknown
for arch in ${archs:-amd64}; do
    case $arch in
        amd64) of=$build ;;
        *) of=$build-$arch ;;
    esac
    units=${VMIO_UNITS:-$(find "$of/test" -maxdepth 1 -type f -name 'test_*' -perm -u+x | sed 's/.*\/test_//' | sort)}
    root=$(root_of "$arch")
    for kernel in ${kernels:-5.10 6.1 6.12 newest}; do
        image=$(kernel_of "$(suite_of "$kernel")" "$arch")
        directory=$matrix/$kernel-$arch
        rm -rf "$directory"
        mkdir "$directory"
        early "$image" "$root" "$directory"
        accelerator=tcg,thread=multi
        if [ "$arch" = "$(dpkg --print-architecture)" ]; then
            # /dev/kvm may be there and yet boot nothing, so it is tried.
            if [ $kvm = unknown ]; then
                kvm=no
                [ ! -w /dev/kvm ] || ! boot 30 kvm "$image" "$arch" "$directory" only_try=1 | grep -q '^early: up' ||
                    kvm=yes
            fi
            [ $kvm = no ] || accelerator=kvm
        fi
        disk "$image" "$root" "$of" "$directory"
        echo "== $kernel on $arch: $(basename "$(modules_of "$image")"), $accelerator"
        boot "${VMIO_TIMEOUT:-7200}" "$accelerator" "$image" "$arch" "$directory" | tee "$directory/log"
        mkdir "$directory/out"
        debugfs -R "rdump /reports $directory/out" "$directory/disk.ext4" 2>/dev/null
        mv "$directory/out/reports" "$directory/$kernel-$arch"
        rm -rf "$directory/disk.ext4" "$directory/early" "$directory/out"
        directories="$directories $directory/$kernel-$arch"
    done
done
# shellcheck disable=SC2086
sh "$scripts/table.sh" $directories
