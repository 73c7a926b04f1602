/* analyser.h - what clang-tidy cannot know, since it reads one file at a time.
 *
 * The err functions always return -1. Without that, "return err_set(...)" might mean success to it,
 * with nothing written to the out parameters.
 * A vector that has grown is not NULL.
 */
#pragma once

#include "schema/base/err.h"
#include "schema/base/vec.h"

#define err_set(...) (err_set(__VA_ARGS__), -1)
#define err_sys(...) (err_sys(__VA_ARGS__), -1)
#define err_wrap(...) (err_wrap(__VA_ARGS__), -1)
#define err_hint(...) (err_hint(__VA_ARGS__), -1)
#define err_at(...) (err_at(__VA_ARGS__), -1)

#undef vec_push
#define vec_push(a, vec)                                                                           \
	(vec_grow_((a), (void **)&(vec)->v, &(vec)->cap, (vec)->n, sizeof(*(vec)->v)),             \
		__builtin_assume((vec)->v != NULL), &(vec)->v[(vec)->n++])
