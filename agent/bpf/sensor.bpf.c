// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The kernel's side of the sensor: one object, so that the verifier sees shared helpers inlined. */
#include "lib/kernel.h"
#include <bpf/bpf_helpers.h>
#include "process/cgroup.bpf.h"
#include "process/exec.bpf.h"
#include "process/exec_security.bpf.h"
#include "process/look.bpf.h"
#include "process/signal.bpf.h"
#include "process/signal_security.bpf.h"
#include "process/task.bpf.h"
#include "file/attribute_security.bpf.h"
#include "file/name_security.bpf.h"
#include "file/open_security.bpf.h"
#include "file/xattr_security.bpf.h"
#include "network/answer.bpf.h"
#include "network/egress.bpf.h"
#include "network/network.bpf.h"
#include "network/network_security.bpf.h"
#include "privilege/capability.bpf.h"
#include "privilege/capability_security.bpf.h"
#include "privilege/identity_security.bpf.h"
#include "privilege/sensitive_security.bpf.h"
#include "calls/io_uring.bpf.h"
#include "calls/sys_exit.bpf.h"
#include "lib/flush.bpf.h"

char LICENSE[] SEC("license")
= "Dual BSD/GPL";
