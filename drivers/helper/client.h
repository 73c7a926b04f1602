/* client.h - ask the root helper. What a driver sees of privileges.
 *
 * Three ways, one call. helper_open takes the first that is there:
 *
 *	service   the socket of reconcile-helper.socket
 *	door      when root's reconcile has become another user: the helper that it started before that, over
 *	          connections of our own making (helper_door)
 *	child     when we are root ourselves: a reconcile-helper of our own over a socketpair, which keeps
 *	          the few privileges while everything else stays here
 *	fake      helper_fake: records what is asked, for tests
 *
 * Without any of them helper_open says so, and a plan can say which steps wait for it.
 */
#pragma once

#include "drivers/helper/wire.h"

#include <sys/types.h>

struct helper {
	int fd;                 /* connected SEQPACKET socket; -1: the fake */
	pid_t child;            /* of our own; 0: none */
	int child_fd;           /* its pidfd */
	uint32_t seq;
	uint8_t op[HELPER_OP_LEN];
	char instance[HELPER_INSTANCE_LEN + 1];
	struct helper_fake *fake;
};

/* Connect for this instance. program_dir holds reconcile-helper. 0; 1 when there is no helper, and e says
 * how to get one; -1 with e. */
int helper_open(struct helper *h, const char *instance, const char *program_dir, struct err *e);

/* The same for who only looks: a child of our own answers no other verbs. */
int helper_look(struct helper *h, const char *instance, const char *program_dir, struct err *e);

/* As root, before becoming uid: start a reconcile-helper for it and keep the door to it, which processes
 * that we go on in have too; helper_open goes through it from then on. The helper ends when all of them
 * have. 0; 1 there is no such program; -1 with e. Once a process. */
int helper_door(const char *program_dir, uid_t uid, struct err *e);

/* Only the service: 0; 1 nobody listens there; -1 with e. Starts and makes nothing. */
int helper_connect(struct helper *h, const char *instance, struct err *e);

/* The same over a connected socket that is handed over. */
void helper_init(struct helper *h, const char *instance, int fd);

/* Also ends and reaps a child of our own. */
void helper_close(struct helper *h);
#define _cleanup_helper_ _cleanup_(helper_close)

/* The operation that the next calls belong to: journalled before the first. Sequences start again. */
void helper_operation(struct helper *h, const uint8_t op[HELPER_OP_LEN]);

/* Ask. fd goes along when the verb takes one; -1 otherwise. The error of the helper comes back as it was.
 * ERR_SYSTEM and ERR_TIMEOUT: the answer was lost, and what was asked may or may not be done; ask again
 * with helper_again. */
int helper_call(struct helper *h, enum helper_verb_id verb, const union helper_request *r, int fd,
	union helper_answer *a, struct err *e);

/* The last call once more, under its operation and sequence: over a new connection it is answered from
 * what was kept, or done now. */
int helper_again(struct helper *h, enum helper_verb_id verb, const union helper_request *r, int fd,
	union helper_answer *a, struct err *e);

/* Facts (fact.h) behind a descriptor that the firewall verbs take: a memory file that nobody can change. */
int helper_seal(const uint8_t *facts, size_t n, int *fd, struct err *e);

/* ---- the fake ------------------------------------------------------------------------------------------ */

#define HELPER_FAKE_MAX 64

struct helper_fake {
	struct {
		enum helper_verb_id verb;
		union helper_request request;
		bool with_fd;
	} calls[HELPER_FAKE_MAX];
	size_t n;
	enum helper_verb_id fail;      /* this verb fails with why; HELPER_NONE: none does */
	struct err why;
	union helper_answer answer;    /* of every other one */
};

/* A helper that only records. Requests are checked as they are for the real one. */
void helper_fake(struct helper *h, struct helper_fake *fake);
