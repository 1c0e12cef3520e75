// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The kernel's side of the sensor: one object, so that the verifier sees shared helpers inlined. */
#include "lib/kernel.h"
#include <bpf/bpf_helpers.h>
#include "process/cgroup.bpf.h"
#include "process/exec.bpf.h"
#include "process/look.bpf.h"
#include "process/task.bpf.h"
#include "hooks/answer.bpf.h"
#include "hooks/capability.bpf.h"
#include "hooks/flush.bpf.h"
#include "hooks/io_uring.bpf.h"
#include "hooks/network.bpf.h"
#include "hooks/signal.bpf.h"
#include "hooks/sys_exit.bpf.h"
#include "security/attribute.bpf.h"
#include "security/exec.bpf.h"
#include "security/name.bpf.h"
#include "security/open.bpf.h"
#include "security/xattr.bpf.h"
#include "security/network.bpf.h"
#include "security/signal.bpf.h"
#include "security/syscalls.bpf.h"
#include "security/capability.bpf.h"

char LICENSE[] SEC("license")
= "Dual BSD/GPL";
