/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Sorted trees whose links stand in the elements: red-black trees (RB_*), and splay trees (SPLAY_*).
 *
 *	struct item {
 *		int key;
 *		RB_ENTRY(item) node;
 *	};
 *	static int compare(struct item *a, struct item *b) { ... }	(as strcmp)
 *	RB_HEAD(item_tree, item);
 *	RB_GENERATE_STATIC(item_tree, item, node, compare)
 *
 *	struct item_tree tree = RB_INITIALIZER(&tree);
 *	RB_INSERT(item_tree, &tree, item);
 *
 * Not locked. Searching, inserting and removing take a number of steps that grows with the logarithm of the number of
 * elements (on average, for splay trees, which bring what was asked for last to the root).
 */

#ifndef SPDK_TREE_H
#define SPDK_TREE_H

#include <sys/cdefs.h>
#include <stddef.h>
#include <stdint.h>

/* ======== Splay trees ======== */

#define SPLAY_HEAD(name, type) \
	struct name { \
		struct type *sph_root; /* the element asked for last */ \
	}

#define SPLAY_INITIALIZER(root) \
	{ \
		NULL \
	}

#define SPLAY_INIT(root) \
	do { \
		(root)->sph_root = NULL; \
	} while (0)

#define SPLAY_ENTRY(type) \
	struct { \
		struct type *spe_left; \
		struct type *spe_right; \
	}

#define SPLAY_LEFT(elm, field) (elm)->field.spe_left
#define SPLAY_RIGHT(elm, field) (elm)->field.spe_right
#define SPLAY_ROOT(head) (head)->sph_root
#define SPLAY_EMPTY(head) (SPLAY_ROOT(head) == NULL)

/* Turns the root and its child tmp, which becomes the root. */
#define SPLAY_ROTATE_RIGHT(head, tmp, field) \
	do { \
		SPLAY_LEFT((head)->sph_root, field) = SPLAY_RIGHT(tmp, field); \
		SPLAY_RIGHT(tmp, field) = (head)->sph_root; \
		(head)->sph_root = tmp; \
	} while (0)

#define SPLAY_ROTATE_LEFT(head, tmp, field) \
	do { \
		SPLAY_RIGHT((head)->sph_root, field) = SPLAY_LEFT(tmp, field); \
		SPLAY_LEFT(tmp, field) = (head)->sph_root; \
		(head)->sph_root = tmp; \
	} while (0)

/* Hangs the root under tmp, the inner end of a side tree, and goes on with the root's child. */
#define SPLAY_LINKLEFT(head, tmp, field) \
	do { \
		SPLAY_LEFT(tmp, field) = (head)->sph_root; \
		tmp = (head)->sph_root; \
		(head)->sph_root = SPLAY_LEFT((head)->sph_root, field); \
	} while (0)

#define SPLAY_LINKRIGHT(head, tmp, field) \
	do { \
		SPLAY_RIGHT(tmp, field) = (head)->sph_root; \
		tmp = (head)->sph_root; \
		(head)->sph_root = SPLAY_RIGHT((head)->sph_root, field); \
	} while (0)

/* Joins the side trees, whose inner ends are left and right and whose roots hang in node, with the root. */
#define SPLAY_ASSEMBLE(head, node, left, right, field) \
	do { \
		SPLAY_RIGHT(left, field) = SPLAY_LEFT((head)->sph_root, field); \
		SPLAY_LEFT(right, field) = SPLAY_RIGHT((head)->sph_root, field); \
		SPLAY_LEFT((head)->sph_root, field) = SPLAY_RIGHT(node, field); \
		SPLAY_RIGHT((head)->sph_root, field) = SPLAY_LEFT(node, field); \
	} while (0)

/*
 * Declares (and, with GENERATE, defines) the tree's functions:
 *	name_SPLAY: brings the element that equals elm, or one next to it, to the root
 *	name_SPLAY_MINMAX: the same with the first (val negative) or last (positive)
 *	name_SPLAY_INSERT: NULL, or the element that equals elm and keeps its place
 *	name_SPLAY_REMOVE: the element that equals elm, taken out, or NULL
 */
#define SPLAY_PROTOTYPE(name, type, field, cmp) \
	void name##_SPLAY(struct name *, struct type *); \
	void name##_SPLAY_MINMAX(struct name *, int); \
	struct type *name##_SPLAY_INSERT(struct name *, struct type *); \
	struct type *name##_SPLAY_REMOVE(struct name *, struct type *); \
	static __attribute__((unused)) inline struct type *name##_SPLAY_FIND(struct name *head, struct type *elm) \
	{ \
		if (SPLAY_EMPTY(head)) { \
			return NULL; \
		} \
		name##_SPLAY(head, elm); \
		return (cmp)(elm, SPLAY_ROOT(head)) == 0 ? SPLAY_ROOT(head) : NULL; \
	} \
	static __attribute__((unused)) inline struct type *name##_SPLAY_NEXT(struct name *head, struct type *elm) \
	{ \
		name##_SPLAY(head, elm); \
		elm = SPLAY_RIGHT(elm, field); \
		while (elm != NULL && SPLAY_LEFT(elm, field) != NULL) { \
			elm = SPLAY_LEFT(elm, field); \
		} \
		return elm; \
	} \
	static __attribute__((unused)) inline struct type *name##_SPLAY_MIN_MAX(struct name *head, int val) \
	{ \
		name##_SPLAY_MINMAX(head, val); \
		return SPLAY_ROOT(head); \
	}

#define SPLAY_GENERATE(name, type, field, cmp) \
	void name##_SPLAY(struct name *head, struct type *elm) \
	{ \
		struct type node, *left = &node, *right = &node, *tmp; \
		int comp; \
		SPLAY_LEFT(&node, field) = SPLAY_RIGHT(&node, field) = NULL; \
		while ((comp = (cmp)(elm, SPLAY_ROOT(head))) != 0) { \
			if (comp < 0) { \
				tmp = SPLAY_LEFT(SPLAY_ROOT(head), field); \
				if (tmp == NULL) { \
					break; \
				} \
				if ((cmp)(elm, tmp) < 0) { \
					SPLAY_ROTATE_RIGHT(head, tmp, field); \
					if (SPLAY_LEFT(SPLAY_ROOT(head), field) == NULL) { \
						break; \
					} \
				} \
				SPLAY_LINKLEFT(head, right, field); \
			} else { \
				tmp = SPLAY_RIGHT(SPLAY_ROOT(head), field); \
				if (tmp == NULL) { \
					break; \
				} \
				if ((cmp)(elm, tmp) > 0) { \
					SPLAY_ROTATE_LEFT(head, tmp, field); \
					if (SPLAY_RIGHT(SPLAY_ROOT(head), field) == NULL) { \
						break; \
					} \
				} \
				SPLAY_LINKRIGHT(head, left, field); \
			} \
		} \
		SPLAY_ASSEMBLE(head, &node, left, right, field); \
	} \
	void name##_SPLAY_MINMAX(struct name *head, int val) \
	{ \
		struct type *tmp; \
		if (SPLAY_EMPTY(head)) { \
			return; \
		} \
		for (tmp = SPLAY_ROOT(head); (val < 0 ? SPLAY_LEFT(tmp, field) : SPLAY_RIGHT(tmp, field)) != NULL; \
			tmp = val < 0 ? SPLAY_LEFT(tmp, field) : SPLAY_RIGHT(tmp, field)) { \
		} \
		name##_SPLAY(head, tmp); \
	} \
	struct type *name##_SPLAY_INSERT(struct name *head, struct type *elm) \
	{ \
		int comp; \
		SPLAY_LEFT(elm, field) = SPLAY_RIGHT(elm, field) = NULL; \
		if (!SPLAY_EMPTY(head)) { \
			name##_SPLAY(head, elm); \
			comp = (cmp)(elm, SPLAY_ROOT(head)); \
			if (comp == 0) { \
				return SPLAY_ROOT(head); \
			} \
			if (comp < 0) { \
				SPLAY_LEFT(elm, field) = SPLAY_LEFT(SPLAY_ROOT(head), field); \
				SPLAY_RIGHT(elm, field) = SPLAY_ROOT(head); \
				SPLAY_LEFT(SPLAY_ROOT(head), field) = NULL; \
			} else { \
				SPLAY_RIGHT(elm, field) = SPLAY_RIGHT(SPLAY_ROOT(head), field); \
				SPLAY_LEFT(elm, field) = SPLAY_ROOT(head); \
				SPLAY_RIGHT(SPLAY_ROOT(head), field) = NULL; \
			} \
		} \
		SPLAY_ROOT(head) = elm; \
		return NULL; \
	} \
	struct type *name##_SPLAY_REMOVE(struct name *head, struct type *elm) \
	{ \
		struct type *found, *right; \
		if (SPLAY_EMPTY(head)) { \
			return NULL; \
		} \
		name##_SPLAY(head, elm); \
		found = SPLAY_ROOT(head); \
		if ((cmp)(elm, found) != 0) { \
			return NULL; \
		} \
		right = SPLAY_RIGHT(found, field); \
		if (SPLAY_LEFT(found, field) == NULL) { \
			SPLAY_ROOT(head) = right; \
		} else { \
			/* The left side's last element becomes the root: it has nothing to its right. */ \
			SPLAY_ROOT(head) = SPLAY_LEFT(found, field); \
			name##_SPLAY(head, elm); \
			SPLAY_RIGHT(SPLAY_ROOT(head), field) = right; \
		} \
		return found; \
	}

#define SPLAY_NEGINF -1
#define SPLAY_INF 1

#define SPLAY_INSERT(name, x, y) name##_SPLAY_INSERT(x, y)
#define SPLAY_REMOVE(name, x, y) name##_SPLAY_REMOVE(x, y)
#define SPLAY_FIND(name, x, y) name##_SPLAY_FIND(x, y)
#define SPLAY_NEXT(name, x, y) name##_SPLAY_NEXT(x, y)
#define SPLAY_MIN(name, x) (SPLAY_EMPTY(x) ? NULL : name##_SPLAY_MIN_MAX(x, SPLAY_NEGINF))
#define SPLAY_MAX(name, x) (SPLAY_EMPTY(x) ? NULL : name##_SPLAY_MIN_MAX(x, SPLAY_INF))

#define SPLAY_FOREACH(x, name, head) for ((x) = SPLAY_MIN(name, head); (x) != NULL; (x) = SPLAY_NEXT(name, head, x))

/* ======== Red-black trees ======== */

/*
 * The colour of an element stands with its parent, as that of the link between them, in the low bits of the parent's
 * own link upwards: the root needs no colour, and an element has three pointers.
 */

#define RB_HEAD(name, type) \
	struct name { \
		struct type *rbh_root; \
	}

#define RB_INITIALIZER(root) \
	{ \
		NULL \
	}

#define RB_INIT(root) \
	do { \
		(root)->rbh_root = NULL; \
	} while (0)

#define RB_ENTRY(type) \
	struct { \
		/* left, right, up */ \
		struct type *rbe_link[3]; \
	}

#define RB_RED_L ((uintptr_t)1)
#define RB_RED_R ((uintptr_t)2)
#define RB_RED_MASK ((uintptr_t)3)

#define RB_LEFT(elm, field) (elm)->field.rbe_link[0]
#define RB_RIGHT(elm, field) (elm)->field.rbe_link[1]
/* The link upwards with the colours of the links downwards in it. */
#define RB_UP(elm, field) (elm)->field.rbe_link[2]
#define RB_BITS(elm, field) ((uintptr_t)RB_UP(elm, field) & RB_RED_MASK)
#define RB_PARENT(elm, field) ((__typeof__(RB_UP(elm, field)))((uintptr_t)RB_UP(elm, field) & ~RB_RED_MASK))

#define _RB_ROOT(head) (head)->rbh_root
#define RB_ROOT(head) _RB_ROOT(head)
#define RB_EMPTY(head) (RB_ROOT(head) == NULL)

/* Whether the left or right child is red; a child that is not there is not. */
#define RB_RED_LEFT(elm, field) ((RB_BITS(elm, field) & RB_RED_L) != 0)
#define RB_RED_RIGHT(elm, field) ((RB_BITS(elm, field) & RB_RED_R) != 0)

#define RB_SET_BITS(elm, field, bits) \
	(RB_UP(elm, field) = (__typeof__(RB_UP(elm, field)))(((uintptr_t)RB_UP(elm, field) & ~RB_RED_MASK) | (bits)))
#define RB_FLIP_LEFT(elm, field) RB_SET_BITS(elm, field, RB_BITS(elm, field) ^ RB_RED_L)
#define RB_FLIP_RIGHT(elm, field) RB_SET_BITS(elm, field, RB_BITS(elm, field) ^ RB_RED_R)

/* 1: red, 0: black. */
#define RB_COLOR(elm, field) \
	(RB_PARENT(elm, field) == NULL                                   ? 0 \
			: RB_LEFT(RB_PARENT(elm, field), field) == (elm) ? RB_RED_LEFT(RB_PARENT(elm, field), field) \
									 : RB_RED_RIGHT(RB_PARENT(elm, field), field))

/* Gives an element another parent; its children keep their colours. */
#define RB_SET_PARENT(dst, src, field) \
	(RB_UP(dst, field) = (__typeof__(RB_UP(dst, field)))((uintptr_t)(src) | RB_BITS(dst, field)))

/* Makes an element a leaf. */
#define RB_SET(elm, parent, field) \
	do { \
		RB_UP(elm, field) = parent; \
		RB_LEFT(elm, field) = RB_RIGHT(elm, field) = NULL; \
	} while (0)

/*
 * Defined before this header is included: called with each element below which something changed, children before
 * parents, so that an element may hold a sum over its subtree.
 */
#ifndef RB_AUGMENT
#define RB_AUGMENT(x) break
#endif

#define RB_AUGMENT_ONE(x) \
	do { \
		RB_AUGMENT(x); \
	} while (0)

#define RB_AUGMENT_UP(x, field) \
	for (; (x) != NULL; (x) = RB_PARENT(x, field)) { \
		RB_AUGMENT(x); \
	}

/* Puts `in` where `out` hangs; the link keeps its colour. */
#define RB_SWAP_CHILD(head, out, in, field) \
	do { \
		if (RB_PARENT(out, field) == NULL) { \
			RB_ROOT(head) = (in); \
		} else if (RB_LEFT(RB_PARENT(out, field), field) == (out)) { \
			RB_LEFT(RB_PARENT(out, field), field) = (in); \
		} else { \
			RB_RIGHT(RB_PARENT(out, field), field) = (in); \
		} \
	} while (0)

/*
 * elm goes down to the left (right) and its right (left) child, tmp, takes its place. The two also exchange colours:
 * that is what all of the balancing below wants.
 */
#define RB_ROTATE_LEFT(head, elm, tmp, field) \
	do { \
		(tmp) = RB_RIGHT(elm, field); \
		RB_RIGHT(elm, field) = RB_LEFT(tmp, field); \
		if (RB_RIGHT(elm, field) != NULL) { \
			RB_SET_PARENT(RB_RIGHT(elm, field), elm, field); \
		} \
		if (RB_RED_RIGHT(elm, field) != RB_RED_LEFT(tmp, field)) { \
			RB_FLIP_RIGHT(elm, field); \
			RB_FLIP_LEFT(tmp, field); \
		} \
		RB_SWAP_CHILD(head, elm, tmp, field); \
		RB_SET_PARENT(tmp, RB_PARENT(elm, field), field); \
		RB_LEFT(tmp, field) = (elm); \
		RB_SET_PARENT(elm, tmp, field); \
		RB_AUGMENT_ONE(elm); \
		RB_AUGMENT_ONE(tmp); \
	} while (0)

#define RB_ROTATE_RIGHT(head, elm, tmp, field) \
	do { \
		(tmp) = RB_LEFT(elm, field); \
		RB_LEFT(elm, field) = RB_RIGHT(tmp, field); \
		if (RB_LEFT(elm, field) != NULL) { \
			RB_SET_PARENT(RB_LEFT(elm, field), elm, field); \
		} \
		if (RB_RED_LEFT(elm, field) != RB_RED_RIGHT(tmp, field)) { \
			RB_FLIP_LEFT(elm, field); \
			RB_FLIP_RIGHT(tmp, field); \
		} \
		RB_SWAP_CHILD(head, elm, tmp, field); \
		RB_SET_PARENT(tmp, RB_PARENT(elm, field), field); \
		RB_RIGHT(tmp, field) = (elm); \
		RB_SET_PARENT(elm, tmp, field); \
		RB_AUGMENT_ONE(elm); \
		RB_AUGMENT_ONE(tmp); \
	} while (0)

/* ---- Declarations ---- */

#define RB_PROTOTYPE(name, type, field, cmp) RB_PROTOTYPE_INTERNAL(name, type, field, cmp, )
#define RB_PROTOTYPE_STATIC(name, type, field, cmp) \
	RB_PROTOTYPE_INTERNAL(name, type, field, cmp, static __attribute__((unused)))
#define RB_PROTOTYPE_INTERNAL(name, type, field, cmp, attr) \
	RB_PROTOTYPE_INSERT_COLOR(name, type, attr); \
	RB_PROTOTYPE_REMOVE_COLOR(name, type, attr); \
	RB_PROTOTYPE_INSERT(name, type, attr); \
	RB_PROTOTYPE_REMOVE(name, type, attr); \
	RB_PROTOTYPE_FIND(name, type, attr); \
	RB_PROTOTYPE_NFIND(name, type, attr); \
	RB_PROTOTYPE_NEXT(name, type, attr); \
	RB_PROTOTYPE_PREV(name, type, attr); \
	RB_PROTOTYPE_MINMAX(name, type, attr); \
	RB_PROTOTYPE_REINSERT(name, type, attr)

#define RB_PROTOTYPE_INSERT_COLOR(name, type, attr) \
	attr void name##_RB_INSERT_COLOR(struct name *, struct type *, struct type *)
#define RB_PROTOTYPE_REMOVE_COLOR(name, type, attr) attr void name##_RB_REMOVE_COLOR(struct name *, struct type *, int)
#define RB_PROTOTYPE_INSERT(name, type, attr) attr struct type *name##_RB_INSERT(struct name *, struct type *)
#define RB_PROTOTYPE_REMOVE(name, type, attr) attr struct type *name##_RB_REMOVE(struct name *, struct type *)
#define RB_PROTOTYPE_FIND(name, type, attr) attr struct type *name##_RB_FIND(struct name *, struct type *)
#define RB_PROTOTYPE_NFIND(name, type, attr) attr struct type *name##_RB_NFIND(struct name *, struct type *)
#define RB_PROTOTYPE_NEXT(name, type, attr) attr struct type *name##_RB_NEXT(struct type *)
#define RB_PROTOTYPE_PREV(name, type, attr) attr struct type *name##_RB_PREV(struct type *)
#define RB_PROTOTYPE_MINMAX(name, type, attr) attr struct type *name##_RB_MINMAX(struct name *, int)
#define RB_PROTOTYPE_REINSERT(name, type, attr) attr struct type *name##_RB_REINSERT(struct name *, struct type *)

/* ---- Definitions. They work with a semicolon behind them and without. ---- */

#define RB_GENERATE(name, type, field, cmp) RB_GENERATE_INTERNAL(name, type, field, cmp, )
#define RB_GENERATE_STATIC(name, type, field, cmp) \
	RB_GENERATE_INTERNAL(name, type, field, cmp, static __attribute__((unused)))
#define RB_GENERATE_INTERNAL(name, type, field, cmp, attr) \
	RB_PROTOTYPE_INTERNAL(name, type, field, cmp, attr); \
	RB_GENERATE_INSERT_COLOR(name, type, field, attr) \
	RB_GENERATE_REMOVE_COLOR(name, type, field, attr) \
	RB_GENERATE_INSERT(name, type, field, cmp, attr) \
	RB_GENERATE_REMOVE(name, type, field, attr) \
	RB_GENERATE_FIND(name, type, field, cmp, attr) \
	RB_GENERATE_NFIND(name, type, field, cmp, attr) \
	RB_GENERATE_NEXT(name, type, field, attr) \
	RB_GENERATE_PREV(name, type, field, attr) \
	RB_GENERATE_MINMAX(name, type, field, attr) \
	RB_GENERATE_REINSERT(name, type, field, cmp, attr)

/* Rebalances after elm came under parent by a red link. */
#define RB_GENERATE_INSERT_COLOR(name, type, field, attr) \
	attr void name##_RB_INSERT_COLOR(struct name *head, struct type *parent, struct type *elm) \
	{ \
		struct type *gparent, *tmp; \
		while (parent != NULL && (gparent = RB_PARENT(parent, field)) != NULL) { \
			if (RB_LEFT(gparent, field) == parent) { \
				if (!RB_RED_LEFT(gparent, field)) { \
					return; \
				} \
				if (!RB_RED_RIGHT(gparent, field)) { \
					if (RB_RIGHT(parent, field) == elm) { \
						RB_ROTATE_LEFT(head, parent, tmp, field); \
					} \
					RB_ROTATE_RIGHT(head, gparent, tmp, field); \
					return; \
				} \
			} else { \
				if (!RB_RED_RIGHT(gparent, field)) { \
					return; \
				} \
				if (!RB_RED_LEFT(gparent, field)) { \
					if (RB_LEFT(parent, field) == elm) { \
						RB_ROTATE_RIGHT(head, parent, tmp, field); \
					} \
					RB_ROTATE_LEFT(head, gparent, tmp, field); \
					return; \
				} \
			} \
			/* Both children of gparent are red: they become black, and it red. */ \
			RB_SET_BITS(gparent, field, 0); \
			elm = gparent; \
			parent = RB_PARENT(elm, field); \
			if (parent != NULL) { \
				if (RB_LEFT(parent, field) == elm) { \
					RB_FLIP_LEFT(parent, field); \
				} else { \
					RB_FLIP_RIGHT(parent, field); \
				} \
			} \
		} \
	}

/* Rebalances after the side of parent that lacks nothing but a black element: right if from_right is not 0. */
#define RB_GENERATE_REMOVE_COLOR(name, type, field, attr) \
	attr void name##_RB_REMOVE_COLOR(struct name *head, struct type *parent, int from_right) \
	{ \
		struct type *sibling, *above, *tmp; \
		for (;;) { \
			if (!from_right) { \
				if (RB_RED_RIGHT(parent, field)) { \
					RB_ROTATE_LEFT(head, parent, tmp, field); \
				} \
				sibling = RB_RIGHT(parent, field); \
				if (RB_BITS(sibling, field) != 0) { \
					if (!RB_RED_RIGHT(sibling, field)) { \
						RB_ROTATE_RIGHT(head, sibling, tmp, field); \
						sibling = tmp; \
					} \
					RB_ROTATE_LEFT(head, parent, tmp, field); \
					RB_FLIP_RIGHT(sibling, field); \
					return; \
				} \
				RB_FLIP_RIGHT(parent, field); \
			} else { \
				if (RB_RED_LEFT(parent, field)) { \
					RB_ROTATE_RIGHT(head, parent, tmp, field); \
				} \
				sibling = RB_LEFT(parent, field); \
				if (RB_BITS(sibling, field) != 0) { \
					if (!RB_RED_LEFT(sibling, field)) { \
						RB_ROTATE_LEFT(head, sibling, tmp, field); \
						sibling = tmp; \
					} \
					RB_ROTATE_RIGHT(head, parent, tmp, field); \
					RB_FLIP_LEFT(sibling, field); \
					return; \
				} \
				RB_FLIP_LEFT(parent, field); \
			} \
			/* The sibling is red now, so all of parent lacks a black element: parent itself, if it is red. */ \
			above = RB_PARENT(parent, field); \
			if (above == NULL) { \
				return; \
			} \
			from_right = RB_RIGHT(above, field) == parent; \
			if (from_right && RB_RED_RIGHT(above, field)) { \
				RB_FLIP_RIGHT(above, field); \
				return; \
			} \
			if (!from_right && RB_RED_LEFT(above, field)) { \
				RB_FLIP_LEFT(above, field); \
				return; \
			} \
			parent = above; \
		} \
	}

/* NULL, or the element that equals elm and keeps its place. */
#define RB_GENERATE_INSERT(name, type, field, cmp, attr) \
	attr struct type *name##_RB_INSERT(struct name *head, struct type *elm) \
	{ \
		struct type **link = &RB_ROOT(head); \
		struct type *parent = NULL, *walk; \
		int comp = 0; \
		while (*link != NULL) { \
			parent = *link; \
			comp = (cmp)(elm, parent); \
			if (comp == 0) { \
				return parent; \
			} \
			link = comp < 0 ? &RB_LEFT(parent, field) : &RB_RIGHT(parent, field); \
		} \
		RB_SET(elm, parent, field); \
		*link = elm; \
		if (parent != NULL) { \
			if (comp < 0) { \
				RB_FLIP_LEFT(parent, field); \
			} else { \
				RB_FLIP_RIGHT(parent, field); \
			} \
		} \
		walk = elm; \
		RB_AUGMENT_UP(walk, field) \
		name##_RB_INSERT_COLOR(head, parent, elm); \
		walk = elm; \
		RB_AUGMENT_UP(walk, field) \
		return NULL; \
	}

/* elm, which must be in the tree, and no longer is. */
#define RB_GENERATE_REMOVE(name, type, field, attr) \
	attr struct type *name##_RB_REMOVE(struct name *head, struct type *elm) \
	{ \
		struct type *gone = elm, *child, *parent, *walk; \
		int from_right = 0, was_red = 0; \
		/* An element with two children is replaced by the next one, which has no left child. */ \
		if (RB_LEFT(elm, field) != NULL && RB_RIGHT(elm, field) != NULL) { \
			for (gone = RB_RIGHT(elm, field); RB_LEFT(gone, field) != NULL; gone = RB_LEFT(gone, field)) { \
			} \
		} \
		child = RB_LEFT(gone, field) != NULL ? RB_LEFT(gone, field) : RB_RIGHT(gone, field); \
		parent = RB_PARENT(gone, field); \
		if (parent != NULL) { \
			from_right = RB_RIGHT(parent, field) == gone; \
			was_red = from_right ? RB_RED_RIGHT(parent, field) : RB_RED_LEFT(parent, field); \
			if (was_red) { \
				RB_SET_BITS( \
					parent, field, RB_BITS(parent, field) ^ (from_right ? RB_RED_R : RB_RED_L)); \
			} \
		} \
		RB_SWAP_CHILD(head, gone, child, field); \
		if (child != NULL) { \
			/* It was red, and takes the black one's place: parent's link to it is black already. */ \
			RB_SET_PARENT(child, parent, field); \
		} \
		if (gone != elm) { \
			if (parent == elm) { \
				parent = gone; \
			} \
			RB_SWAP_CHILD(head, elm, gone, field); \
			RB_SET_PARENT(RB_LEFT(elm, field), gone, field); \
			if (RB_RIGHT(elm, field) != NULL) { \
				RB_SET_PARENT(RB_RIGHT(elm, field), gone, field); \
			} \
			gone->field = elm->field; \
		} \
		walk = parent; \
		RB_AUGMENT_UP(walk, field) \
		if (parent != NULL && child == NULL && !was_red) { \
			name##_RB_REMOVE_COLOR(head, parent, from_right); \
			walk = parent; \
			RB_AUGMENT_UP(walk, field) \
		} \
		return elm; \
	}

/* The element that equals elm, or NULL. */
#define RB_GENERATE_FIND(name, type, field, cmp, attr) \
	attr struct type *name##_RB_FIND(struct name *head, struct type *elm) \
	{ \
		struct type *tmp = RB_ROOT(head); \
		int comp; \
		while (tmp != NULL && (comp = (cmp)(elm, tmp)) != 0) { \
			tmp = comp < 0 ? RB_LEFT(tmp, field) : RB_RIGHT(tmp, field); \
		} \
		return tmp; \
	}

/* The first element that is not before elm, or NULL. */
#define RB_GENERATE_NFIND(name, type, field, cmp, attr) \
	attr struct type *name##_RB_NFIND(struct name *head, struct type *elm) \
	{ \
		struct type *tmp = RB_ROOT(head), *best = NULL; \
		int comp; \
		while (tmp != NULL) { \
			comp = (cmp)(elm, tmp); \
			if (comp == 0) { \
				return tmp; \
			} \
			if (comp < 0) { \
				best = tmp; \
				tmp = RB_LEFT(tmp, field); \
			} else { \
				tmp = RB_RIGHT(tmp, field); \
			} \
		} \
		return best; \
	}

/* The element behind, or before, elm; or NULL. */
#define RB_GENERATE_NEXT(name, type, field, attr) \
	attr struct type *name##_RB_NEXT(struct type *elm) \
	{ \
		struct type *from; \
		if (RB_RIGHT(elm, field) != NULL) { \
			for (elm = RB_RIGHT(elm, field); RB_LEFT(elm, field) != NULL; elm = RB_LEFT(elm, field)) { \
			} \
			return elm; \
		} \
		do { \
			from = elm; \
			elm = RB_PARENT(elm, field); \
		} while (elm != NULL && RB_RIGHT(elm, field) == from); \
		return elm; \
	}

#define RB_GENERATE_PREV(name, type, field, attr) \
	attr struct type *name##_RB_PREV(struct type *elm) \
	{ \
		struct type *from; \
		if (RB_LEFT(elm, field) != NULL) { \
			for (elm = RB_LEFT(elm, field); RB_RIGHT(elm, field) != NULL; elm = RB_RIGHT(elm, field)) { \
			} \
			return elm; \
		} \
		do { \
			from = elm; \
			elm = RB_PARENT(elm, field); \
		} while (elm != NULL && RB_LEFT(elm, field) == from); \
		return elm; \
	}

/* The first element (val negative) or the last one, or NULL. */
#define RB_GENERATE_MINMAX(name, type, field, attr) \
	attr struct type *name##_RB_MINMAX(struct name *head, int val) \
	{ \
		struct type *tmp = RB_ROOT(head), *last = NULL; \
		while (tmp != NULL) { \
			last = tmp; \
			tmp = val < 0 ? RB_LEFT(tmp, field) : RB_RIGHT(tmp, field); \
		} \
		return last; \
	}

/* Brings elm, whose key was changed, to its new place. NULL, or the element that equals it: then elm is out. */
#define RB_GENERATE_REINSERT(name, type, field, cmp, attr) \
	attr struct type *name##_RB_REINSERT(struct name *head, struct type *elm) \
	{ \
		struct type *other = name##_RB_PREV(elm); \
		if (other == NULL || (cmp)(other, elm) < 0) { \
			other = name##_RB_NEXT(elm); \
			if (other == NULL || (cmp)(elm, other) < 0) { \
				return NULL; \
			} \
		} \
		name##_RB_REMOVE(head, elm); \
		return name##_RB_INSERT(head, elm); \
	}

/* ---- Use. name: of the tree's type; x: the tree's address; y: an element. ---- */

#define RB_NEGINF -1
#define RB_INF 1

#define RB_INSERT(name, x, y) name##_RB_INSERT(x, y)
#define RB_REMOVE(name, x, y) name##_RB_REMOVE(x, y)
#define RB_FIND(name, x, y) name##_RB_FIND(x, y)
#define RB_NFIND(name, x, y) name##_RB_NFIND(x, y)
#define RB_NEXT(name, x, y) name##_RB_NEXT(y)
#define RB_PREV(name, x, y) name##_RB_PREV(y)
#define RB_MIN(name, x) name##_RB_MINMAX(x, RB_NEGINF)
#define RB_MAX(name, x) name##_RB_MINMAX(x, RB_INF)
#define RB_REINSERT(name, x, y) name##_RB_REINSERT(x, y)

/* In order; backwards; from element y on, which is then the loop's variable. SAFE: x may be removed, y is the next. */
#define RB_FOREACH(x, name, head) for ((x) = RB_MIN(name, head); (x) != NULL; (x) = name##_RB_NEXT(x))

#define RB_FOREACH_FROM(x, name, y) for ((x) = (y); ((x) != NULL) && ((y) = name##_RB_NEXT(x), (x) != NULL); (x) = (y))

#define RB_FOREACH_SAFE(x, name, head, y) \
	for ((x) = RB_MIN(name, head); ((x) != NULL) && ((y) = name##_RB_NEXT(x), (x) != NULL); (x) = (y))

#define RB_FOREACH_REVERSE(x, name, head) for ((x) = RB_MAX(name, head); (x) != NULL; (x) = name##_RB_PREV(x))

#define RB_FOREACH_REVERSE_FROM(x, name, y) \
	for ((x) = (y); ((x) != NULL) && ((y) = name##_RB_PREV(x), (x) != NULL); (x) = (y))

#define RB_FOREACH_REVERSE_SAFE(x, name, head, y) \
	for ((x) = RB_MAX(name, head); ((x) != NULL) && ((y) = name##_RB_PREV(x), (x) != NULL); (x) = (y))

#endif /* SPDK_TREE_H */
