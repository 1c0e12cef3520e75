#!/bin/bash
# Builds a Kubernetes server of Debian's own: `build.sh FOLDER` leaves kube-apiserver, kube-controller-manager,
# kube-scheduler, kubelet, kube-proxy and pause in FOLDER/bin. No package has them; the source package of Debian 12
# (1.20.2) does, and builds with Debian 13's Go in some five minutes on two cores. Does nothing where they are there,
# and waits where they are built at this moment.
set -euo pipefail

dest=$1
[ ! -d "$dest/bin" ] || exit 0
mkdir -p "$dest"
exec 9>"$dest/lock"
flock 9
[ ! -d "$dest/bin" ] || exit 0
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
version=v1.20.2
mkdir -p "$dest/apt/lists/partial" "$dest/apt/cache/archives/partial" "$dest/bin.new"
cd "$dest"

# A private list of packages: the machine's own stays as it is. The mirror is the one that the machine uses.
mirror=$(apt-get indextargets --format '$(SITE)' | grep '^http' | grep -v security | sort -u | head -n 1)
echo "deb-src [signed-by=$keyring] $mirror bookworm main" >apt/source.list
apt=(-o "Dir::Etc::sourcelist=$dest/apt/source.list" -o Dir::Etc::sourceparts=-
  -o "Dir::State::lists=$dest/apt/lists" -o "Dir::Cache=$dest/apt/cache" -o APT::Sandbox::User=root)
apt-get "${apt[@]}" update -qq
apt-get "${apt[@]}" source -qq --download-only kubernetes
source=$dest/go/src/k8s.io/kubernetes
mkdir -p "$source"
tar xzf kubernetes_1.20*.orig.tar.gz -C "$source" --strip-components=1

# The vendored sources of this library do not build with Go 1.18 and later.
apt-get -qq -o APT::Sandbox::User=root download golang-github-modern-go-reflect2-dev
dpkg-deb -x golang-github-modern-go-reflect2-dev_*.deb reflect2
vendored=$source/vendor/github.com/modern-go/reflect2
rm -f "$vendored"/*.go "$vendored"/*.s
cp reflect2/usr/share/gocode/src/github.com/modern-go/reflect2/*.{go,s} "$vendored/"
rm -f "$vendored"/*_test.go

export PATH=/usr/lib/go-1.24/bin:$PATH GOTOOLCHAIN=local GO111MODULE=off GOFLAGS= GOPROXY=off
export CGO_ENABLED=0 GOPATH=$dest/go GOCACHE=$dest/gocache
# Most processes of the compiler are short, and collections of their heap would be a quarter of their time.
export GOGC=off GOMEMLIMIT=2GiB
cd "$source"
# The one generated file that the source lacks.
go build -o "$dest/openapi-gen" ./vendor/k8s.io/kube-openapi/cmd/openapi-gen
inputs=$(grep -rl --include=*.go '+k8s:openapi-gen=' pkg staging/src/k8s.io |
  grep -v -E 'k8s.io/(code-generator|sample-apiserver)/|_test.go' | xargs -n1 dirname | sort -u |
  sed -e 's#^staging/src/#k8s.io/kubernetes/vendor/#' -e 's#^pkg/#k8s.io/kubernetes/pkg/#' | paste -sd,)
"$dest/openapi-gen" --go-header-file hack/boilerplate/boilerplate.generatego.txt -O zz_generated.openapi \
  -i "$inputs" -p k8s.io/kubernetes/pkg/generated/openapi -r "$dest/violations.txt"

flags='-s -w'
for package in component-base/version client-go/pkg/version; do
  at=k8s.io/kubernetes/vendor/k8s.io/$package
  flags="$flags -X $at.gitMajor=1 -X $at.gitMinor=20 -X $at.gitVersion=$version -X $at.gitTreeState=archive"
done
# Without the clouds and the engine that no test has, which are two fifths of the code.
go build -tags 'providerless dockerless' -ldflags "$flags" -o "$dest/bin.new/" \
  ./cmd/kube-apiserver ./cmd/kube-controller-manager ./cmd/kube-scheduler ./cmd/kubelet ./cmd/kube-proxy
gcc -Os -static -o "$dest/bin.new/pause" build/pause/linux/pause.c
# All of them, or none.
mv "$dest/bin.new" "$dest/bin"
rm -rf "$dest/go" "$dest/gocache" "$dest/apt" "$dest/reflect2"
