# Snug: `make run` shows it, `make test` tests it. Both install what they need. `make help` lists all.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.ONESHELL:
.DEFAULT_GOAL := build
MAKEFLAGS += --no-print-directory

BUILD_PACKAGES := clang-19 llvm-19 libbpf-dev bpftool libelf-dev zlib1g-dev make gcc libc6-dev
RUN_PACKAGES   := busybox-static
TEST_PACKAGES  := docker.io docker-cli podman crun runsc uidmap busybox-static mmdebstrap strace systemd iptables iproute2 procps util-linux wrk redis-tools apparmor \
                  libfaketime rsyslog rsyslog-gnutls openssl chromium nats-server kcat prometheus prometheus-alertmanager \
                  docker-registry cosign oras veristat \
                  git perl python3 rpm zstd golang-github-in-toto-attestation-dev \
                  golang-github-masterminds-sprig-dev golang-k8s-sigs-yaml-dev \
                  golang-github-google-cel-go-dev clang-format-19 libclang-rt-19-dev
# Virtual machines with Debian's kernels, for x86-64 and arm64.
QEMU_PACKAGES  := qemu-system-x86 qemu-system-arm cpio xz-utils e2fsprogs \
                  gcc-aarch64-linux-gnu libc6-dev-arm64-cross gcc-arm-linux-gnueabihf libc6-dev-armhf-cross
# A Kubernetes from Debian's packages. Its servers are built once, into SNUG_KUBE_CACHE (default ~/.cache/snug-kube).
# With other servers in its folder `bin`, from 1.20 to 1.36, the tests run on those.
KUBE_PACKAGES  := etcd-server golang-1.24-go kubectl dpkg-dev containerd runc containernetworking-plugins conntrack \
                  iptables iproute2 jq curl openssl
BENCH_PACKAGES := docker.io busybox-static mmdebstrap iptables iproute2 wrk redis-tools
FUZZ_PACKAGES  := clang-19 libclang-rt-19-dev
EVAL_PACKAGES  := docker.io mmdebstrap iptables iproute2 util-linux gcc libc6-dev
RELEASE_PACKAGES := dpkg-dev rpm gcc-aarch64-linux-gnu libc6-dev-arm64-cross
PUBLISH_PACKAGES := cosign oras
NEED           := deploy/need-packages.sh

.PHONY: help build daemon sensor run test test-all test-packages test-kernels test-runtimes check bench eval fuzz soak redteam release own-profile verify-release publish clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

build: daemon sensor ## the daemon and the sensor; afterwards `node dist/interfaces/cli/main.js` works

daemon: .build/npm.stamp ## the daemon, into dist/
	npm run -s build

sensor: ## the sensor, into agent/snug-sensor
	$(NEED) 'the sensor' $(BUILD_PACKAGES)
	$(MAKE) -s -C agent

.build/npm.stamp: package-lock.json .npmrc
	mkdir -p .build
	command -v npm >/dev/null || { echo 'snug: needs Node 20.19 or newer, with npm' >&2; exit 1; }
	npm ci --no-audit --no-fund --loglevel=error
	touch $@

# Without root or a sensor the demo plays a recording, so neither is fatal here.
# On a terminal its agent and page stay until Ctrl-C.
run: daemon ## the agent on this host, or a demo where there is no container engine; RUN=--exit ends after the story
	if [ "$$(id -u)" = 0 ]; then
	  $(MAKE) -s sensor || echo 'snug: continuing without a sensor' >&2
	  $(NEED) 'the demonstration' $(RUN_PACKAGES) || true
	fi
	exec node dist/interfaces/demo/main.js $(RUN)

test: .build/npm.stamp ## what decides whether a change may land; installs what the tests need
	exec npx tsx test/run.ts gate

# Without SNUG_SEED its random cases are new ones.
test-all: .build/npm.stamp ## every test: also more kernels and runtimes, scale, soak, tutorials, packages, random cases
	export SNUG_SEED="$${SNUG_SEED:-$$((RANDOM * 32768 + RANDOM))}"
	exec npx tsx test/run.ts all

test-packages: # what the tests need of Debian
	$(NEED) 'the tests' $(BUILD_PACKAGES) $(TEST_PACKAGES) $(QEMU_PACKAGES) $(KUBE_PACKAGES)

test-kernels: build ## the sensor on more of Debian's kernels; SNUG_WRITE_DOCS=1 writes docs/kernels.md
	$(NEED) 'the kernels' busybox-static gcc libc6-dev mmdebstrap $(QEMU_PACKAGES)
	npx vitest run --project qemu --project kernels

# The node's tests need a kubelet: KUBE_PACKAGES build one. A kubelet before 1.23 gets a translator.
test-runtimes: build ## containerd and Podman of Debian's next release, with the tests that start them
	$(NEED) 'the runtimes' $(TEST_PACKAGES) $(KUBE_PACKAGES)
	export SNUG_TEST_RUNTIMES=newer
	npx vitest run --project engines --project product --project node --project alone \
	  test/e2e/{containerd,containerd-hold,podman,podman-first-program}.test.ts \
	  test/fleet/nri/sandbox-events.system.test.ts test/kube/{first-exec,deployment}.test.ts

check: .build/npm.stamp ## types, lint, format, unused code, dependencies, workflows, generated pages, prose
	npm run -s check

bench: build ## the figures; BENCH='--only overhead,scale --runs 3' selects some
	$(NEED) 'the benchmark' $(BENCH_PACKAGES) $(EVAL_PACKAGES) $(QEMU_PACKAGES) $(KUBE_PACKAGES)
	npx tsx test/bench/main.ts $(BENCH)

eval: build ## services that nobody tuned for, into docs/eval.md; EVAL='--quick' selects some
	$(NEED) 'the evaluation' $(EVAL_PACKAGES)
	npx tsx test/eval/main.ts $(EVAL)
	npx tsx test/eval/summary.ts

# Without FUZZ: a minute for each target. FUZZ='--runs 10000000' takes hours for the readers in TypeScript.
fuzz: sensor .build/npm.stamp ## inputs that coverage leads to, for all that reads foreign bytes; FUZZ='--seconds 600 dsse' selects
	$(NEED) 'fuzzing' $(FUZZ_PACKAGES)
	npx tsx test/fuzz/run.ts $(FUZZ)

soak: .build/npm.stamp ## 90 days of a node in simulated time: memory, turns, store; SOAK='--tenth' for a tenth
	npx tsx test/soak/main.ts $(SOAK)

redteam: build ## 5,000 attacks composed at random on the sensor, and as many on a service; REDTEAM='--seed 7 --count 500' repeats some
	$(NEED) 'the red team' docker.io busybox-static gcc libc6-dev iproute2 iptables util-linux
	node --import tsx test/redteam/main.ts $(REDTEAM)

# What is in there, and SNUG_SCAN_REPORTS: deploy/release/README.md.
release: daemon ## packages of Debian, Fedora and npm, image and chart, for x86-64 and arm64, into dist/release/
	$(NEED) 'the packages' $(BUILD_PACKAGES) $(RELEASE_PACKAGES)
	SNUG_BUILT_WITH='$(BUILD_PACKAGES) $(RELEASE_PACKAGES)' \
	deploy/release/release.sh dist/release $(VERSION)

# Root, and a Docker that nothing else uses: see deploy/release/own-profile.sh.
own-profile: build ## what Snug itself does, in its image and under its own sensor, into profiles/own/agent.json
	$(NEED) 'the packages' $(BUILD_PACKAGES) $(RELEASE_PACKAGES) docker.io docker-cli busybox-static
	deploy/release/own-profile.sh profiles/own/agent.json

# In the checkout of the tag. RELEASE is a folder with the downloaded files.
verify-release: daemon ## build a release again and compare with what was downloaded: RELEASE=FOLDER
	$(NEED) 'the packages' $(BUILD_PACKAGES) $(RELEASE_PACKAGES)
	[ -n '$(RELEASE)' ] || { echo 'snug: name the folder of the release: `make verify-release RELEASE=FOLDER`' >&2; exit 64; }
	SNUG_BUILT_WITH='$(BUILD_PACKAGES) $(RELEASE_PACKAGES)' deploy/release/verify.sh '$(RELEASE)'

# COSIGN_KEY is the key. Without it cosign needs an identity of its surroundings, as in a workflow.
publish: ## push image and chart of `make release` to REGISTRY, signed, and attest its files
	$(NEED) 'publishing' $(PUBLISH_PACKAGES)
	[ -n '$(REGISTRY)' ] || { echo 'snug: name a registry: `make publish REGISTRY=registry.example`' >&2; exit 64; }
	deploy/release/publish.sh dist/release '$(REGISTRY)'

clean: ## remove what was built
	rm -rf dist .build coverage
	if [ -f agent/Makefile ]; then $(MAKE) -s -C agent clean; fi
