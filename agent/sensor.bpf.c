// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The kernel's side of the sensor: one object, so that the verifier sees shared helpers inlined. */
#include "kernel.h"
#include "maps.bpf.h"
#include "path.bpf.h"
#include "emit.bpf.h"
#include "task.bpf.h"
#include "cgroup.bpf.h"
#include "exec.bpf.h"
#include "file.bpf.h"
#include "net.bpf.h"
#include "call.bpf.h"
#include "other.bpf.h"
#include "lsm.bpf.h"
#include "lsm-exec.bpf.h"
#include "lsm-file.bpf.h"
#include "lsm-peer.bpf.h"
#include "lsm-call.bpf.h"
#include "signal.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";
