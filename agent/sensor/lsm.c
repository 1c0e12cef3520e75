// SPDX-License-Identifier: Apache-2.0
/*
 * Whether BPF LSM can refuse calls on this kernel. A kernel may have the hooks and not call them
 * (`lsm=` without bpf), and one that calls them may not allow the attachment. So the sensor tries
 * it on a harmless system call that it makes itself.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <unistd.h>
#include "sensor/lsm.h"

#define NAME_SIZE 16
#define INSN(op, to, from, where, value)       \
	((struct bpf_insn){ .code = (op),      \
			    .dst_reg = (to),   \
			    .src_reg = (from), \
			    .off = (where),    \
			    .imm = (value) })

/* Refuses a process with this name. */
static int load_trial(const __u32 name[2])
{
	const struct bpf_insn program[] = {
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, 1, 10, 0, 0),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, 1, 0, 0, -NAME_SIZE),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 2, 0, 0, NAME_SIZE),
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_get_current_comm),
		INSN(BPF_LDX | BPF_MEM | BPF_W, 1, 10, -NAME_SIZE, 0),
		INSN(BPF_LDX | BPF_MEM | BPF_W, 2, 10, 4 - NAME_SIZE, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0),
		INSN(BPF_JMP32 | BPF_JNE | BPF_K, 1, 0, 2, name[0]),
		INSN(BPF_JMP32 | BPF_JNE | BPF_K, 2, 0, 1, name[1]),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, -EPERM),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};
	LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = BPF_LSM_MAC);
	int type = libbpf_find_vmlinux_btf_id("task_getsid", BPF_LSM_MAC);

	if (type <= 0)
		return -1;
	options.attach_btf_id = type;
	return bpf_prog_load(BPF_PROG_TYPE_LSM, "snug_trial", "GPL", program,
			     sizeof(program) / sizeof(*program), &options);
}

bool lsm_can_refuse(void)
{
	char before[NAME_SIZE] = "", name[NAME_SIZE] = "";
	__u32 words[2];
	int program, link = -1;
	bool refused = false;

	if (getrandom(words, sizeof(words), 0) != sizeof(words))
		return false;
	/* A name has no NUL within it. */
	words[0] |= 0x01010101;
	words[1] |= 0x01010101;
	memcpy(name, words, sizeof(words));
	program = load_trial(words);
	if (program < 0)
		return false;
	prctl(PR_GET_NAME, before);
	prctl(PR_SET_NAME, name);
	link = bpf_raw_tracepoint_open(NULL, program);
	if (link >= 0) {
		refused = getsid(getpid()) < 0 && errno == EPERM;
		close(link);
	}
	prctl(PR_SET_NAME, before);
	close(program);
	return refused;
}
