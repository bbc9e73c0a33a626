#!/bin/sh
# clean_root.sh DIRECTORY: installs the packages of a directory into a fresh root of this release of Debian, builds
# test/consumer there in each way, and starts the tools. As root. Where no root can be made, for want of a mirror, it says
# so, and that is no failure.
set -eu
packages=$1
consumer=$(dirname "$0")/../consumer
. /etc/os-release
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Codename: $VERSION_CODENAME" \
    'Component: main' | head -n 1)

used='
cd /srv
apt-get install -y -qq -o Acquire::Retries=3 --no-install-recommends ./*.deb >/dev/null

g++ -std=c++20 -Wall -Werror main.cpp -o by_pkg_config $(pkg-config --cflags --libs vmio)
g++ -std=c++20 symbols.cpp -o with_symbols $(pkg-config --cflags --libs vmio-symbols)
./with_symbols
ldd by_pkg_config | grep -q libvmio.so.0
./by_pkg_config

g++ -std=c++20 main.cpp -o static_one /usr/lib/*/libvmio.a -lzstd -lz
if ldd static_one | grep libvmio; then exit 1; fi
./static_one

cmake -S . -B by_cmake >/dev/null
cmake --build by_cmake >/dev/null
by_cmake/consumer

vmmap $$ | grep -F "[stack]"
for tool in $(dpkg -L vmio-tools | grep /usr/bin/); do
    $tool --help | grep "^usage: ${tool##*/} "
done
'
begun=$(mktemp)
trap 'rm -f "$begun"' EXIT
echo "$used" | mmdebstrap --quiet --variant=apt --aptopt='Acquire::Retries "3"' --include=g++,make,cmake,pkg-config \
    --customize-hook='cp '"$packages"'/*.deb '"$consumer"'/* "$1"/srv' \
    --customize-hook="echo yes >$begun" \
    --customize-hook='chroot "$1" sh -eu' \
    "$VERSION_CODENAME" /dev/null "$mirror" || {
    [ ! -s "$begun" ] || exit 1
    echo "LEFT OUT: no clean root can be made here" >&2
}
