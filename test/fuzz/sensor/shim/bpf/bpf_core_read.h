/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Structures are as they were compiled: nothing is relocated. */
#ifndef SNUG_SHIM_CORE_READ_H
#define SNUG_SHIM_CORE_READ_H

#include <stddef.h>

#define bpf_ksym_exists(symbol) 1
#define bpf_core_cast(address, type) ((type *)(address))
#define bpf_core_field_offset(type, field) offsetof(type, field)
#define bpf_core_read(to, size, from) memcpy(to, from, size)

/* How many arguments there are, up to five, and the macro with that number at its end. */
#define nth(a, b, c, d, e, n, ...) n
#define ___narg(...) nth(__VA_ARGS__, 5, 4, 3, 2, 1)
#define joined(name, number) name##number
#define ___apply(name, number) joined(name, number)

/* `___arrow(a, b, c)` is `a->b->c`. */
#define arrow_2(a, b) (a)->b
#define arrow_3(a, b, c) (a)->b->c
#define arrow_4(a, b, c, d) (a)->b->c->d
#define ___arrow(...) ___apply(arrow_, ___narg(__VA_ARGS__))(__VA_ARGS__)

#endif
