/* wire.h - requests and answers as bytes: one SEQPACKET message each, at most HELPER_WIRE_MAX bytes.
 *
 *	both     magic "RCh1"  version u16  verb u16  seq u32  operation id 16 bytes
 *	request  instance 8 bytes, then the fields of the verb's row, in their order
 *	answer   status u16, then with status 0 the fields of the verb's row,
 *	         otherwise errno u32, a message and a hint, each u16 length and bytes
 *
 * Little end first. Nothing may follow the last field. Versions: the first 8 bytes never change their
 * meaning, so that each side can tell another version and say so.
 *
 * PURE; never allocates.
 */
#pragma once

#include "drivers/helper/verb.h"

#define HELPER_WIRE_MAX 1024

struct helper_call {
	uint32_t verb, version, seq;
	uint8_t op[HELPER_OP_LEN];
	char instance[HELPER_INSTANCE_LEN + 1]; /* requests only */
};

/* Bytes of a request, checked; -1: helper_check refused it. */
int wire_put_request(const struct helper_call *c, const union helper_request *r,
	uint8_t out[HELPER_WIRE_MAX], size_t *n, struct err *e);

/* The other way. call is filled as far as it could be read; ERR_CONTENT for bytes that are no request,
 * ERR_USAGE for one with a value that is not allowed, ERR_REMOTE for another version. */
int wire_get_request(const uint8_t *in, size_t n, struct helper_call *c, union helper_request *r,
	struct err *e);

/* Bytes of an answer: of failed when it is not NULL, of a otherwise. */
size_t wire_put_answer(const struct helper_call *c, const union helper_answer *a,
	const struct err *failed, uint8_t out[HELPER_WIRE_MAX]);

/* The answer to c. 0 with a; -1 with the helper's own error in e, or ERR_CONTENT for bytes that are no
 * answer to c. */
int wire_get_answer(const uint8_t *in, size_t n, const struct helper_call *c,
	union helper_answer *a, struct err *e);
