/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What the system's <sys/queue.h> lacks: loops that begin anywhere or in which elements may be removed, exchanging
 * lists, and telling an element that is in no list. Macros that the system has are left as they are.
 */

#ifndef SPDK_QUEUE_EXTRAS_H
#define SPDK_QUEUE_EXTRAS_H

#include <assert.h>
#include <stddef.h>

/* Around code that the compiler warns of for what queue macros do. Nothing needs it here. */
#define SPDK_QE_SUPPRESS_WARNINGS()
#define SPDK_QE_UNSUPPRESS_WARNINGS()

/* The structure that holds `field` at this address. */
#define SPDK_QE_CONTAINER(ptr, type, field) ((struct type *)((char *)(ptr)-offsetof(struct type, field)))

/*
 * FROM: begins at var, at the head if it is NULL. SAFE: var may be removed or freed, tvar is the next.
 */

/* ---- SLIST ---- */

#ifndef SLIST_FOREACH_SAFE
#define SLIST_FOREACH_SAFE(var, head, field, tvar) \
	for ((var) = SLIST_FIRST((head)); (var) && ((tvar) = SLIST_NEXT((var), field), 1); (var) = (tvar))
#endif

#ifndef SLIST_SWAP
#define SLIST_SWAP(head1, head2, type) \
	do { \
		struct type *swap_first = SLIST_FIRST(head1); \
		SLIST_FIRST(head1) = SLIST_FIRST(head2); \
		SLIST_FIRST(head2) = swap_first; \
	} while (0)
#endif

/* ---- STAILQ ---- */

#ifndef STAILQ_HEAD
#define STAILQ_HEAD(name, type) \
	struct name { \
		struct type *stqh_first; \
		struct type **stqh_last; \
	}
#endif

#ifndef STAILQ_HEAD_INITIALIZER
#define STAILQ_HEAD_INITIALIZER(head) \
	{ \
		NULL, &(head).stqh_first \
	}
#endif

#ifndef STAILQ_EMPTY
#define STAILQ_EMPTY(head) ((head)->stqh_first == NULL)
#endif

#ifndef STAILQ_FIRST
#define STAILQ_FIRST(head) ((head)->stqh_first)
#endif

#ifndef STAILQ_NEXT
#define STAILQ_NEXT(elm, field) ((elm)->field.stqe_next)
#endif

#ifndef STAILQ_LAST
#define STAILQ_LAST(head, type, field) \
	(STAILQ_EMPTY((head)) ? NULL : SPDK_QE_CONTAINER((head)->stqh_last, type, field.stqe_next))
#endif

#ifndef STAILQ_FOREACH_FROM
#define STAILQ_FOREACH_FROM(var, head, field) \
	for ((var) = ((var) ? (var) : STAILQ_FIRST((head))); (var); (var) = STAILQ_NEXT((var), field))
#endif

#ifndef STAILQ_FOREACH_SAFE
#define STAILQ_FOREACH_SAFE(var, head, field, tvar) \
	for ((var) = STAILQ_FIRST((head)); (var) && ((tvar) = STAILQ_NEXT((var), field), 1); (var) = (tvar))
#endif

#ifndef STAILQ_FOREACH_FROM_SAFE
#define STAILQ_FOREACH_FROM_SAFE(var, head, field, tvar) \
	for ((var) = ((var) ? (var) : STAILQ_FIRST((head))); (var) && ((tvar) = STAILQ_NEXT((var), field), 1); \
		(var) = (tvar))
#endif

#ifndef STAILQ_REMOVE_AFTER
#define STAILQ_REMOVE_AFTER(head, elm, field) \
	do { \
		if ((STAILQ_NEXT(elm, field) = STAILQ_NEXT(STAILQ_NEXT(elm, field), field)) == NULL) { \
			(head)->stqh_last = &STAILQ_NEXT((elm), field); \
		} \
	} while (0)
#endif

#ifndef STAILQ_SWAP
#define STAILQ_SWAP(head1, head2, type) \
	do { \
		struct type *swap_first = STAILQ_FIRST(head1); \
		struct type **swap_last = (head1)->stqh_last; \
		STAILQ_FIRST(head1) = STAILQ_FIRST(head2); \
		(head1)->stqh_last = (head2)->stqh_last; \
		STAILQ_FIRST(head2) = swap_first; \
		(head2)->stqh_last = swap_last; \
		if (STAILQ_EMPTY(head1)) { \
			(head1)->stqh_last = &STAILQ_FIRST(head1); \
		} \
		if (STAILQ_EMPTY(head2)) { \
			(head2)->stqh_last = &STAILQ_FIRST(head2); \
		} \
	} while (0)
#endif

/* ---- LIST ---- */

#ifndef LIST_HEAD
#define LIST_HEAD(name, type) \
	struct name { \
		struct type *lh_first; \
	}
#endif

#ifndef LIST_HEAD_INITIALIZER
#define LIST_HEAD_INITIALIZER(head) \
	{ \
		NULL \
	}
#endif

#ifndef LIST_ENTRY
#define LIST_ENTRY(type) \
	struct { \
		struct type *le_next; \
		struct type **le_prev; \
	}
#endif

#ifndef LIST_EMPTY
#define LIST_EMPTY(head) ((head)->lh_first == NULL)
#endif

#ifndef LIST_FIRST
#define LIST_FIRST(head) ((head)->lh_first)
#endif

#ifndef LIST_NEXT
#define LIST_NEXT(elm, field) ((elm)->field.le_next)
#endif

#ifndef LIST_PREV
#define LIST_PREV(elm, head, type, field) \
	((elm)->field.le_prev == &LIST_FIRST((head)) ? NULL \
						     : SPDK_QE_CONTAINER((elm)->field.le_prev, type, field.le_next))
#endif

#ifndef LIST_FOREACH_FROM
#define LIST_FOREACH_FROM(var, head, field) \
	for ((var) = ((var) ? (var) : LIST_FIRST((head))); (var); (var) = LIST_NEXT((var), field))
#endif

#ifndef LIST_FOREACH_SAFE
#define LIST_FOREACH_SAFE(var, head, field, tvar) \
	for ((var) = LIST_FIRST((head)); (var) && ((tvar) = LIST_NEXT((var), field), 1); (var) = (tvar))
#endif

#ifndef LIST_FOREACH_FROM_SAFE
#define LIST_FOREACH_FROM_SAFE(var, head, field, tvar) \
	for ((var) = ((var) ? (var) : LIST_FIRST((head))); (var) && ((tvar) = LIST_NEXT((var), field), 1); \
		(var) = (tvar))
#endif

#ifndef LIST_SWAP
#define LIST_SWAP(head1, head2, type, field) \
	do { \
		struct type *swap_tmp = LIST_FIRST((head1)); \
		LIST_FIRST((head1)) = LIST_FIRST((head2)); \
		LIST_FIRST((head2)) = swap_tmp; \
		if ((swap_tmp = LIST_FIRST((head1))) != NULL) { \
			swap_tmp->field.le_prev = &LIST_FIRST((head1)); \
		} \
		if ((swap_tmp = LIST_FIRST((head2))) != NULL) { \
			swap_tmp->field.le_prev = &LIST_FIRST((head2)); \
		} \
	} while (0)
#endif

/* ---- TAILQ ---- */

#ifndef TAILQ_EMPTY
#define TAILQ_EMPTY(head) ((head)->tqh_first == NULL)
#endif

#ifndef TAILQ_FIRST
#define TAILQ_FIRST(head) ((head)->tqh_first)
#endif

#ifndef TAILQ_NEXT
#define TAILQ_NEXT(elm, field) ((elm)->field.tqe_next)
#endif

#ifndef TAILQ_LAST
#define TAILQ_LAST(head, headname) (*(((struct headname *)((head)->tqh_last))->tqh_last))
#endif

#ifndef TAILQ_PREV
#define TAILQ_PREV(elm, headname, field) (*(((struct headname *)((elm)->field.tqe_prev))->tqh_last))
#endif

#ifndef TAILQ_FOREACH_FROM
#define TAILQ_FOREACH_FROM(var, head, field) \
	for ((var) = ((var) ? (var) : TAILQ_FIRST((head))); (var); (var) = TAILQ_NEXT((var), field))
#endif

#ifndef TAILQ_FOREACH_SAFE
#define TAILQ_FOREACH_SAFE(var, head, field, tvar) \
	for ((var) = TAILQ_FIRST((head)); (var) && ((tvar) = TAILQ_NEXT((var), field), 1); (var) = (tvar))
#endif

#ifndef TAILQ_FOREACH_FROM_SAFE
#define TAILQ_FOREACH_FROM_SAFE(var, head, field, tvar) \
	for ((var) = ((var) ? (var) : TAILQ_FIRST((head))); (var) && ((tvar) = TAILQ_NEXT((var), field), 1); \
		(var) = (tvar))
#endif

#ifndef TAILQ_FOREACH_REVERSE_FROM
#define TAILQ_FOREACH_REVERSE_FROM(var, head, headname, field) \
	for ((var) = ((var) ? (var) : TAILQ_LAST((head), headname)); (var); (var) = TAILQ_PREV((var), headname, field))
#endif

#ifndef TAILQ_FOREACH_REVERSE_SAFE
#define TAILQ_FOREACH_REVERSE_SAFE(var, head, headname, field, tvar) \
	for ((var) = TAILQ_LAST((head), headname); (var) && ((tvar) = TAILQ_PREV((var), headname, field), 1); \
		(var) = (tvar))
#endif

#ifndef TAILQ_FOREACH_REVERSE_FROM_SAFE
#define TAILQ_FOREACH_REVERSE_FROM_SAFE(var, head, headname, field, tvar) \
	for ((var) = ((var) ? (var) : TAILQ_LAST((head), headname)); \
		(var) && ((tvar) = TAILQ_PREV((var), headname, field), 1); (var) = (tvar))
#endif

#ifndef TAILQ_SWAP
#define TAILQ_SWAP(head1, head2, type, field) \
	do { \
		struct type *swap_first = (head1)->tqh_first; \
		struct type **swap_last = (head1)->tqh_last; \
		(head1)->tqh_first = (head2)->tqh_first; \
		(head1)->tqh_last = (head2)->tqh_last; \
		(head2)->tqh_first = swap_first; \
		(head2)->tqh_last = swap_last; \
		if ((swap_first = (head1)->tqh_first) != NULL) { \
			swap_first->field.tqe_prev = &(head1)->tqh_first; \
		} else { \
			(head1)->tqh_last = &(head1)->tqh_first; \
		} \
		if ((swap_first = (head2)->tqh_first) != NULL) { \
			swap_first->field.tqe_prev = &(head2)->tqh_first; \
		} else { \
			(head2)->tqh_last = &(head2)->tqh_first; \
		} \
	} while (0)
#endif

/* An element knows whether it is in a list if it is cleared at first and always removed by TAILQ_REMOVE_CLEAR(). */
#ifndef TAILQ_ENTRY_CLEAR
#define TAILQ_ENTRY_CLEAR(elm, field) \
	do { \
		(elm)->field.tqe_next = NULL; \
		(elm)->field.tqe_prev = NULL; \
	} while (0)
#endif

#ifndef TAILQ_ENTRY_ENQUEUED
#define TAILQ_ENTRY_ENQUEUED(elm, field) ((elm)->field.tqe_prev != NULL)
#endif

#ifndef TAILQ_ENTRY_NOT_ENQUEUED
#define TAILQ_ENTRY_NOT_ENQUEUED(elm, field) (!TAILQ_ENTRY_ENQUEUED(elm, field))
#endif

#ifndef TAILQ_REMOVE_CLEAR
#define TAILQ_REMOVE_CLEAR(head, elm, field) \
	do { \
		TAILQ_REMOVE(head, elm, field); \
		TAILQ_ENTRY_CLEAR(elm, field); \
	} while (0)
#endif

/* ---- Checks that links are consistent, for who wants them. They end the program in debug builds. ---- */

#define SPDK_QE_ASSERT(cond) assert(cond)

#ifndef QMD_LIST_CHECK_HEAD
#define QMD_LIST_CHECK_HEAD(head, field) \
	SPDK_QE_ASSERT(LIST_FIRST((head)) == NULL || LIST_FIRST((head))->field.le_prev == &LIST_FIRST((head)))
#define QMD_LIST_CHECK_NEXT(elm, field) \
	SPDK_QE_ASSERT( \
		LIST_NEXT((elm), field) == NULL || LIST_NEXT((elm), field)->field.le_prev == &((elm)->field.le_next))
#define QMD_LIST_CHECK_PREV(elm, field) SPDK_QE_ASSERT(*(elm)->field.le_prev == (elm))
#define QMD_TAILQ_CHECK_HEAD(head, field) \
	SPDK_QE_ASSERT(TAILQ_EMPTY(head) || TAILQ_FIRST((head))->field.tqe_prev == &TAILQ_FIRST((head)))
#define QMD_TAILQ_CHECK_TAIL(head, headname) SPDK_QE_ASSERT(*(head)->tqh_last == NULL)
#define QMD_TAILQ_CHECK_NEXT(elm, field) \
	SPDK_QE_ASSERT(TAILQ_NEXT((elm), field) == NULL || \
		TAILQ_NEXT((elm), field)->field.tqe_prev == &((elm)->field.tqe_next))
#define QMD_TAILQ_CHECK_PREV(elm, field) SPDK_QE_ASSERT(*(elm)->field.tqe_prev == (elm))
#endif

#endif /* SPDK_QUEUE_EXTRAS_H */
