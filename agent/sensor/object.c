// SPDX-License-Identifier: Apache-2.0
/*
 * The programs are in two objects, see portable.bpf.h. Both have the same maps, programs and
 * constants by the same names, so one skeleton describes them.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "sensor/agent.h"
#include "sensor/attach.h"
#include "sensor/object.h"
#include "portable.skel.h"

#define LSM_DEPTH 8 /* as in scratch.bpf.h */

typedef __typeof__(*((struct sensor *)0)->rodata) constants_t;
typedef __typeof__(*((struct portable *)0)->rodata) portable_constants_t;

/* The compiler puts them in another order in each object. */
#define FOR_EACH_CONSTANT(DO)      \
	DO(keys)                   \
	DO(host_mnt_ns)            \
	DO(ring_count)             \
	DO(init_exes)              \
	DO(programs)               \
	DO(syscall_classes)        \
	DO(compat_syscall_classes) \
	DO(peers_by_call)          \
	DO(reads_hellos)           \
	DO(owners_by_inode)        \
	DO(attribute_file)         \
	DO(callers_of_all)         \
	DO(memory_syscalls)        \
	DO(own_generation)         \
	DO(kernel_variables)       \
	DO(watches_units)          \
	DO(unit_keys)              \
	DO(unit_patterns)          \
	DO(catches)

static constants_t constants; /* of the portable programs, in the other order */

static struct sensor *open_portable(void)
{
	struct sensor *skel = calloc(1, sizeof(*skel));

	if (!skel || sensor__create_skeleton(skel)) {
		free(skel);
		return NULL;
	}
	skel->skeleton->data = portable__elf_bytes(&skel->skeleton->data_sz);
	if (bpf_object__open_skeleton(skel->skeleton, NULL)) {
		sensor__destroy(skel);
		return NULL;
	}
	skel->rodata = &constants;
	return skel;
}

int load_programs(struct agent *agent)
{
	portable_constants_t *ours;
	size_t size;
	int failed;

	if (!is_portable(agent))
		return sensor__load(agent->skel);
	ours = bpf_map__initial_value(agent->skel->maps.rodata, &size);
#define COPY(name) memcpy((void *)&ours->name, (void *)&constants.name, sizeof(ours->name));
	FOR_EACH_CONSTANT(COPY)
#undef COPY
	failed = sensor__load(agent->skel);
	agent->skel->rodata = &constants;
	return failed;
}

struct sensor *open_programs(bool portable)
{
	if (portable ||
	    libbpf_probe_bpf_helper(BPF_PROG_TYPE_RAW_TRACEPOINT, BPF_FUNC_loop, NULL) != 1)
		return open_portable();
	return sensor__open();
}

bool is_portable(const struct agent *agent)
{
	return bpf_map__type(agent->skel->maps.tasks) == BPF_MAP_TYPE_HASH;
}

static struct bpf_map *free_scratches(const struct agent *agent)
{
	return bpf_object__find_map_by_name(agent->skel->obj, "free_scratches");
}

void size_scratches(struct agent *agent, enum attach_kind kind)
{
	__u32 count = kind == ATTACH_TRACEPOINT ? 1 : LSM_DEPTH;

	if (is_portable(agent)) {
		count *= agent->cpus;
		bpf_map__set_max_entries(free_scratches(agent), count);
	}
	bpf_map__set_max_entries(agent->skel->maps.lsm_scratches, count);
}

bool fill_scratches(struct agent *agent)
{
	struct bpf_map *map = free_scratches(agent);

	for (__u32 i = 0; map && i < bpf_map__max_entries(map); i++)
		if (bpf_map_update_elem(bpf_map__fd(map), NULL, &i, BPF_ANY))
			return false;
	return true;
}

bool run_on_elements(struct bpf_program *program, struct bpf_map *map)
{
	union bpf_iter_link_info info = { .map.map_fd = bpf_map__fd(map) };
	LIBBPF_OPTS(bpf_iter_attach_opts, options, .link_info = &info,
		    .link_info_len = sizeof(info));
	struct bpf_link *link = bpf_program__attach_iter(program, &options);
	int fd = link ? bpf_iter_create(bpf_link__fd(link)) : -1;
	char nothing[64];
	bool done = fd >= 0;

	/* It writes nothing: the first read goes through the whole map, as far as that is allowed.
	 */
	while (done) {
		ssize_t size = read(fd, nothing, sizeof(nothing));

		if (!size)
			break;
		done = size > 0 || errno == EAGAIN;
	}
	if (fd >= 0)
		close(fd);
	bpf_link__destroy(link);
	return done;
}
