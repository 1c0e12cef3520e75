// SPDX-License-Identifier: Apache-2.0
/*
 * libelf.a of elfutils 0.192 (Debian 13) calls these functions and does not hold them
 * (https://sourceware.org/bugzilla/show_bug.cgi?id=32293). Weak: a libelf that has them brings its
 * own. A tree begins with the pointer to its root; what may follow is a lock, which one thread
 * needs not.
 */
#define _GNU_SOURCE
#include <search.h>
#include <stddef.h>

struct search_tree {
	void *root;
};

void eu_search_tree_init(struct search_tree *tree);
void eu_search_tree_fini(struct search_tree *tree, void (*free_node)(void *node));
void *eu_tsearch(const void *key, struct search_tree *tree, __compar_fn_t compare);
void *eu_tdelete(const void *key, struct search_tree *tree, __compar_fn_t compare);

__attribute__((weak)) void eu_search_tree_init(struct search_tree *tree)
{
	tree->root = NULL;
}

__attribute__((weak)) void eu_search_tree_fini(struct search_tree *tree,
					       void (*free_node)(void *node))
{
	tdestroy(tree->root, free_node);
}

__attribute__((weak)) void *eu_tsearch(const void *key, struct search_tree *tree,
				       __compar_fn_t compare)
{
	return tsearch(key, &tree->root, compare);
}

__attribute__((weak)) void *eu_tdelete(const void *key, struct search_tree *tree,
				       __compar_fn_t compare)
{
	return tdelete(key, &tree->root, compare);
}
