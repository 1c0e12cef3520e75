// SPDX-License-Identifier: Apache-2.0
/*
 * Whether this kernel lets programs refuse calls. It may have BPF LSM and not call it (`lsm=`
 * without bpf). A kernel without BPF trampolines allows neither attachment. So the sensor tries
 * each on a harmless system call that it makes itself.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <unistd.h>
#include "sensor/attach.h"

#define NAME_SIZE 16
#define INSN(op, to, from, where, value)       \
	((struct bpf_insn){ .code = (op),      \
			    .dst_reg = (to),   \
			    .src_reg = (from), \
			    .off = (where),    \
			    .imm = (value) })

const char *const attach_names[] = { "lsm", "fmod_ret", "tracepoints" };

/* Refuses a process with this name. */
static int load_trial(const struct btf *btf, enum attach_kind kind, const __u32 name[2])
{
	bool by_lsm = kind == ATTACH_LSM;

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
	LIBBPF_OPTS(bpf_prog_load_opts, options,
		    .expected_attach_type = by_lsm ? BPF_LSM_MAC : BPF_MODIFY_RETURN);
	int function = btf__find_by_name_kind(
		btf, by_lsm ? "bpf_lsm_task_getsid" : "security_task_getsid", BTF_KIND_FUNC);

	if (function <= 0)
		return -1;
	options.attach_btf_id = function;
	return bpf_prog_load(by_lsm ? BPF_PROG_TYPE_LSM : BPF_PROG_TYPE_TRACING, "snug_trial",
			     "GPL", program, sizeof(program) / sizeof(*program), &options);
}

static bool can_refuse(const struct btf *btf, enum attach_kind kind)
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
	program = load_trial(btf, kind, words);
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

enum attach_kind strongest_attach(const struct btf *btf, enum attach_kind least)
{
	enum attach_kind kind = least;

	while (kind < ATTACH_TRACEPOINT && !can_refuse(btf, kind))
		kind++;
	return kind;
}
