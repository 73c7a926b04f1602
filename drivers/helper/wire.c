/* wire.c - requests and answers as bytes. */
#include "drivers/helper/wire.h"

#include <string.h>

static const uint8_t magic[4] = {'R', 'C', 'h', '1'};

/* ---- a bounded pen and a bounded eye --------------------------------------------------------- */

struct pen {
	uint8_t *v;
	size_t n;
};

struct eye {
	const uint8_t *v;
	size_t n, at;
	bool bad; /* something was missing; what was read since is zero */
};

/* What the tables allow always fits: HELPER_WIRE_MAX is checked by a test over all rows. */
static void put(struct pen *p, const void *v, size_t n)
{
	if (p->n + n > HELPER_WIRE_MAX)
		return;
	memcpy(p->v + p->n, v, n);
	p->n += n;
}

static void put_number(struct pen *p, uint64_t v, unsigned bytes)
{
	uint8_t raw[8];

	for (unsigned i = 0; i < bytes; i++)
		raw[i] = (uint8_t)(v >> (8 * i));
	put(p, raw, bytes);
}

static const uint8_t *take(struct eye *y, size_t n)
{
	if (y->bad || y->n - y->at < n) {
		y->bad = true;
		return NULL;
	}
	y->at += n;
	return y->v + y->at - n;
}

static uint64_t take_number(struct eye *y, unsigned bytes)
{
	const uint8_t *raw = take(y, bytes);
	uint64_t v = 0;

	for (unsigned i = 0; raw && i < bytes; i++)
		v |= (uint64_t)raw[i] << (8 * i);
	return v;
}

/* ---- fields ----------------------------------------------------------------------------------- */

static void put_items(struct pen *p, const struct helper_item *items, uint64_t count)
{
	for (uint64_t i = 0; i < count && i < HELPER_ITEMS_MAX; i++) {
		put_number(p, items[i].key, 8);
		put_number(p, items[i].number, 8);
	}
}

static void put_fields(struct pen *p, const struct helper_field *f, size_t n, const void *from)
{
	uint64_t number = 0, count = 0;

	for (size_t i = 0; i < n; i++) {
		const char *at = (const char *)from + f[i].offset;

		if (f[i].type == HELPER_TEXT) {
			const size_t len = strnlen(at, f[i].max);

			put_number(p, len, 1);
			put(p, at, len);
		} else if (f[i].type == HELPER_ITEMS) {
			put_items(p, (const void *)at, count);
		} else {
			memcpy(&number, at, sizeof(number));
			put_number(p, number, 8);
			if (!i)
				count = number;
		}
	}
}

static void take_items(struct eye *y, struct helper_item *items, uint64_t count)
{
	if (count > HELPER_ITEMS_MAX) {
		y->bad = true;
		return;
	}
	for (uint64_t i = 0; i < count; i++) {
		items[i].key = take_number(y, 8);
		items[i].number = take_number(y, 8);
	}
}

static void take_text(struct eye *y, const struct helper_field *f, char *to)
{
	const size_t len = (size_t)take_number(y, 1);
	const uint8_t *raw = take(y, len);

	/* A text ends at its length; a NUL inside would hide the rest from every check. */
	if (!raw || len > f->max || memchr(raw, 0, len)) {
		y->bad = true;
		return;
	}
	memcpy(to, raw, len);
	to[len] = '\0';
}

static void take_fields(struct eye *y, const struct helper_field *f, size_t n, void *to)
{
	uint64_t number = 0, count = 0;

	for (size_t i = 0; i < n; i++) {
		char *at = (char *)to + f[i].offset;

		if (f[i].type == HELPER_TEXT) {
			take_text(y, &f[i], at);
		} else if (f[i].type == HELPER_ITEMS) {
			take_items(y, (void *)at, count);
		} else {
			number = take_number(y, 8);
			memcpy(at, &number, sizeof(number));
			if (!i)
				count = number;
		}
	}
}

/* ---- heads ------------------------------------------------------------------------------------ */

static void put_head(struct pen *p, const struct helper_call *c)
{
	put(p, magic, sizeof(magic));
	put_number(p, HELPER_VERSION, 2);
	put_number(p, c->verb, 2);
	put_number(p, c->seq, 4);
	put(p, c->op, HELPER_OP_LEN);
}

static int take_head(struct eye *y, struct helper_call *c, struct err *e)
{
	const uint8_t *word = take(y, sizeof(magic)), *op;

	c->version = (uint32_t)take_number(y, 2);
	c->verb = (uint32_t)take_number(y, 2);
	if (!word || memcmp(word, magic, sizeof(magic)) || y->bad)
		return err_set(e, ERR_CONTENT, "these bytes are no message of this protocol");
	if (c->version != HELPER_VERSION)
		return err_set(e, ERR_REMOTE, "the other side speaks version %u of the protocol, this "
			"one version %d", c->version, HELPER_VERSION);
	c->seq = (uint32_t)take_number(y, 4);
	op = take(y, HELPER_OP_LEN);
	if (!op)
		return err_set(e, ERR_CONTENT, "the message is cut short");
	memcpy(c->op, op, HELPER_OP_LEN);
	return 0;
}

/* ---- requests --------------------------------------------------------------------------------- */

int wire_put_request(const struct helper_call *c, const union helper_request *r,
	uint8_t out[HELPER_WIRE_MAX], size_t *n, struct err *e)
{
	const struct helper_verb *verb = helper_verb(c->verb);
	struct pen p = {.v = out};

	if (!verb)
		return err_set(e, ERR_USAGE, "there is no verb %u", c->verb);
	if (!helper_instance_is_valid(c->instance))
		return err_set(e, ERR_USAGE, "the instance is not 8 hexadecimal digits");
	if (helper_check(verb, r, e) < 0)
		return err_wrap(e, "%s", verb->name);
	put_head(&p, c);
	put(&p, c->instance, HELPER_INSTANCE_LEN);
	put_fields(&p, verb->request, verb->n_request, r);
	*n = p.n;
	return 0;
}

int wire_get_request(const uint8_t *in, size_t n, struct helper_call *c, union helper_request *r,
	struct err *e)
{
	struct eye y = {.v = in, .n = n};
	const struct helper_verb *verb;
	const uint8_t *instance;

	memset(c, 0, sizeof(*c));
	memset(r, 0, sizeof(*r));
	if (take_head(&y, c, e) < 0)
		return -1;
	instance = take(&y, HELPER_INSTANCE_LEN);
	if (!instance)
		return err_set(e, ERR_CONTENT, "the message is cut short");
	memcpy(c->instance, instance, HELPER_INSTANCE_LEN);
	if (!helper_instance_is_valid(c->instance))
		return err_set(e, ERR_CONTENT, "the instance is not 8 hexadecimal digits");
	verb = helper_verb(c->verb);
	if (!verb)
		return err_set(e, ERR_CONTENT, "there is no verb %u", c->verb);
	take_fields(&y, verb->request, verb->n_request, r);
	if (y.bad || y.at != y.n)
		return err_set(e, ERR_CONTENT, "%s: the message is not as long as its fields",
			verb->name);
	return helper_check(verb, r, e) < 0 ? err_wrap(e, "%s", verb->name) : 0;
}

/* ---- answers ---------------------------------------------------------------------------------- */

#define WORDS_MAX 255

static void put_words(struct pen *p, const char *text)
{
	const size_t n = strnlen(text, WORDS_MAX);

	put_number(p, n, 2);
	put(p, text, n);
}

static void take_words(struct eye *y, char *to, size_t max)
{
	const size_t n = (size_t)take_number(y, 2);
	const uint8_t *raw = take(y, n);

	if (!raw || memchr(raw, 0, n)) {
		y->bad = true;
		return;
	}
	memcpy(to, raw, n < max ? n : max - 1);
	to[n < max ? n : max - 1] = '\0';
}

size_t wire_put_answer(const struct helper_call *c, const union helper_answer *a,
	const struct err *failed, uint8_t out[HELPER_WIRE_MAX])
{
	const struct helper_verb *verb = helper_verb(c->verb);
	struct pen p = {.v = out};

	put_head(&p, c);
	put_number(&p, failed ? (uint64_t)failed->kind : 0, 2);
	if (failed) {
		put_number(&p, (uint32_t)failed->errnum, 4);
		put_words(&p, failed->msg);
		put_words(&p, failed->hint);
	} else if (verb) {
		put_fields(&p, verb->answer, verb->n_answer, a);
	}
	return p.n;
}

static int take_error(struct eye *y, uint64_t status, struct err *e)
{
	struct err got = ERR_INIT;

	got.kind = (enum err_kind)status;
	got.errnum = (int)take_number(y, 4);
	take_words(y, got.msg, sizeof(got.msg));
	take_words(y, got.hint, sizeof(got.hint));
	if (y->bad || y->at != y->n || status >= ERR_KIND_N)
		return err_set(e, ERR_CONTENT, "the helper's answer cannot be read");
	if (e)
		*e = got;
	return -1;
}

int wire_get_answer(const uint8_t *in, size_t n, const struct helper_call *c,
	union helper_answer *a, struct err *e)
{
	const struct helper_verb *verb = helper_verb(c->verb);
	struct eye y = {.v = in, .n = n};
	struct helper_call got = {0};
	uint64_t status;

	memset(a, 0, sizeof(*a));
	if (take_head(&y, &got, e) < 0)
		return -1;
	status = take_number(&y, 2);
	/* Of a request that it could not read the helper may not know the number: then all are 0. */
	if (!status && (got.verb != c->verb || got.seq != c->seq || memcmp(got.op, c->op, sizeof(got.op))))
		return err_set(e, ERR_CONTENT, "the helper answers another request");
	if (status)
		return take_error(&y, status, e);
	if (verb)
		take_fields(&y, verb->answer, verb->n_answer, a);
	if (y.bad || y.at != y.n)
		return err_set(e, ERR_CONTENT, "the helper's answer is not as long as its fields");
	return 0;
}
