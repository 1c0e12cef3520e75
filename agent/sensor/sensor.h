/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the sensor's own process, each with what it offers to the others. */
#ifndef SNUG_SENSOR_H
#define SNUG_SENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "shared.h"
#include "rule_key.h"

/* libbpf's skeleton names these by the kernel programs' own short types. */
typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
#include "sensor.skel.h"

#define NS 1000000000ull

struct agent {
	struct sensor *skel;
	struct snug_control *control;
	struct snug_pinned_state *pinned;
	int cgroup_fd;
	char cgroup_path[4096];
	__u32 rings;
	__u32 ring_size;
	int cpus;
	struct snug_keys keys;
	__u32 generation;		/* of the programs that this process loaded */
	bool taken_over;		/* the maps are those of an earlier sensor, whose programs went on */
	bool acks;		/* the daemon says what it has taken: until then it can be told again */
};

/* What the command line says. */
struct options {
	__u32 rings;
	__u32 ring_size;
	__u32 probe_seconds;
	const char *pin;
	const char *resume;
	const char *programs;	/* names, with commas between them */
	bool acks;
	bool fresh_daemon;
	bool filter;
	bool detach;
	bool layout;
	bool selftest_unarmed;		/* the trial finds that nothing is stopped: for tests */
};

/* options.c; exits where it makes no sense. */
void parse_options(struct options *options, int argc, char **argv);

/* clock.c: nanoseconds */
__u64 monotonic(void);
__u64 wall_offset(void);

/* say.c: a line on standard error */
void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* tell.c: what goes up. */
size_t report_records(struct agent *agent);	/* how many there were */
void report_all_records(struct agent *agent);
void report_container_ends(struct agent *agent);
void report_heartbeat(struct agent *agent, bool all);
void report_checkpoint(struct agent *agent);
void start_heartbeats(struct agent *agent, __u64 heard);
void handle_ack(struct agent *agent, const struct snug_mark *command, size_t size);
void mark_counts_stale(void);
bool heartbeat_due(void);
int ms_until_heartbeat(void);

/* calls.c */
void set_syscall_classes(struct sensor *skel);
void set_peer_calls(struct sensor *skel);

/* frame.c: what goes up and comes down. */
void send_bytes(const void *data, size_t size);
void send_frame(void *frame, __u16 type, size_t size, const void *tail, size_t tail_size);
bool send_now(void);			/* false: nobody reads any more */
/* Calls `handle` for each frame that came. false: the other side is gone. Exits on a frame that is none. */
bool receive(void (*handle)(const struct snug_head *head, void *context), void *context);

/* folder.c */
bool is_bpffs(const char *path);
bool make_folders(const char *path);
/* Calls `each` for the entries of a folder until it says no. */
void walk_folder(const char *path, bool (*each)(const char *path, const char *name, bool is_folder));
void remove_all(const char *path);
/* For `walk_folder`: removes what is a folder. */
bool remove_folder(const char *path, const char *name, bool is_folder);

/* pin.c: what outlives this process. */
bool pin_open(const char *path);
bool pin_maps(struct agent *agent);
bool pin_link(struct agent *agent, const char *program, int fd);
int pinned_ring(__u32 number);
bool pin_ring(__u32 number, int fd);
void pin_activate(struct agent *agent, int ring);
bool pin_has_old(void);
void pin_remove_old(void);
size_t pin_describe(struct agent *agent, char *text, size_t size);
int pin_detach(const char *path);

/* heir.c: what an earlier sensor left. */
bool takeover_prepare(struct agent *agent);

/* ring.c */
bool rings_open(struct agent *agent);
int ring_fd(unsigned int number);
/* The oldest record of all rings, or NULL; it stays until it is let go. */
const struct snug_head *ring_next(size_t *size);
void ring_consume(void);
bool rings_empty(void);
/* Readable when a program wakes us; `rings_clear_wakeups` makes it wait for the next time. */
int rings_epoll_fd(void);
void rings_clear_wakeups(void);
/* How far was read: what lies before that is there until it is let go. */
size_t rings_positions(__u64 *positions);
void rings_release(const __u64 *positions, size_t count);
void rings_make_room(void);
void rings_resume(const __u64 *positions, size_t count);

/* container.c: the slots. */
void report_container(struct agent *agent, __u64 container, __u32 slot);
void container_new(struct agent *agent, __u32 slot);
void container_end(struct agent *agent, __u32 slot, __u64 container, __u64 time);
void containers_reconcile(struct agent *agent);
bool container_ends_pending(void);
void container_ends_report(struct agent *agent, __u64 mark);
void container_ends_acked(struct agent *agent, __u64 mark);
/* SNUG_SLOTS where there is none. */
__u32 container_slot(struct agent *agent, __u64 container);
bool container_hidden(struct agent *agent, __u64 container, __u32 number);
void containers_reset(struct agent *agent);
bool assign_container(struct agent *agent, const struct snug_assign *command, size_t size);
void add_known(struct agent *agent, const struct snug_known *command);
/* Whether a container that runs is of the version with this index. */
bool version_has_containers(struct agent *agent, __u32 version);
/* NULL where the daemon was told of no container in it. */
struct snug_slot *reported_slot(struct agent *agent, __u32 number);

/* name.c */
void report_names(struct agent *agent, const struct snug_act *act);
void names_takeover(struct agent *agent);

/* loss.c */
bool report_losses(struct agent *agent, const struct snug_counters *now, __u64 from, __u64 to, __u64 mark);
void losses_acked(struct agent *agent, __u64 mark);
void losses_takeover(struct agent *agent);

/* rule.c: hashes as the kernel programs make them. */
__u64 hash_bytes(const struct snug_keys *keys, const void *text, size_t size);
__u64 hash_path(const struct snug_keys *keys, const void *text, size_t size);
__u64 hash_tail(const struct snug_keys *keys, const void *text, size_t size);
__u64 hash_leaf(const struct snug_keys *keys, const void *text, size_t size);
__u64 peer_name(const struct snug_keys *keys, const void *text, size_t size);
__u64 rule_key(const struct snug_keys *keys, const struct snug_rule *rule);

/* version.c: what a deviation from a version gets, and by which profile it is judged. Indices count from 0. */
__u32 version_index(struct agent *agent, __u64 scope);	/* index + 1; 0: there is no room */
__u64 pinned_scope(struct agent *agent, __u64 scope);
void version_set_profile(struct agent *agent, __u32 index, __u32 number);
void version_inherit_disarm(struct agent *agent, __u32 from, __u32 to);
void set_enforcement(struct agent *agent, const struct snug_enforce *command);
void report_disarmed(struct agent *agent);
void versions_takeover(struct agent *agent);
void versions_prune(struct agent *agent);

/* profile.c: what returns a bool is false for a command that is not well formed. */
void profile_begin(struct agent *agent, const struct snug_profile *command);
bool profile_rules(struct agent *agent, const struct snug_rules *command, size_t size);
bool profile_states(struct agent *agent, const struct snug_states *command, size_t size);
bool profile_prefixes(struct agent *agent, const struct snug_prefixes *command, size_t size);
void profile_end(struct agent *agent, const struct snug_profile_end *command);
void profile_discard(__u32 index);
void profile_used(__u32 number);
void profile_replaced(__u32 number);
void profiles_takeover(struct agent *agent);
bool name_peer(struct agent *agent, const struct snug_peer *command, size_t size);

/* scan.c */
bool find_cgroups(struct agent *agent);
void scan(struct agent *agent);

/* lsm.c */
bool lsm_can_refuse(void);

/* process.c: what /proc tells of processes that run. */
struct process {
	pid_t pid;
	pid_t ppid;
	unsigned long long start;
	/* Its mount namespace. */
	ino_t mount_ns;
	int tty;
	struct snug_task state;
};
ino_t mount_namespace(pid_t pid);
bool shares_namespace_with_parents(const struct process *process);
bool read_process(struct agent *agent, pid_t pid, struct process *process);
__u64 record_exe(struct agent *agent, pid_t pid, __u16 *flags);
__u64 record_script(struct agent *agent, pid_t pid);

/* probe.c: tries again and again whether blocking works. */
void selftest_begin(struct agent *agent, __u32 seconds, bool armed);
int selftest_fd(void);
void selftest_step(struct agent *agent);

/* trial.c: what it tries. */
bool selftest_profile(struct agent *agent);	/* false: this executable has no path to name it by */
int run_attempts(const char *what);

/* hooks.c */
bool hooks_load(struct agent *agent);
bool hooks_attach(struct agent *agent);
size_t hooks_describe(struct agent *agent, char *text, size_t size);

/* layout.c */
void print_layout(void);

#endif
