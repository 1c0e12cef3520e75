/* SPDX-License-Identifier: Apache-2.0 */
/* How hooks can be attached on this kernel, the strongest first. */
#ifndef SNUG_ATTACH_H
#define SNUG_ATTACH_H

struct btf;

enum attach_kind {
	ATTACH_LSM,	   /* security hooks by BPF LSM */
	ATTACH_FMOD_RET,   /* the same hooks, on the functions that call all LSMs */
	ATTACH_TRACEPOINT, /* neither can refuse */
};

extern const char *const attach_names[];

/* The strongest kind, from `least` on, that refuses a call of this process. `btf`: the kernel's. */
enum attach_kind strongest_attach(const struct btf *btf, enum attach_kind least);

#endif
