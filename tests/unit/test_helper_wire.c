/* test_helper_wire.c - every verb with every bad value, every message cut at every byte, every name that
 * the longest caller makes, and the configuration. */
#include "tests/lib/unit.h"

#include "drivers/helper/client.h"
#include "drivers/helper/conf.h"
#include "drivers/helper/op.h"
#include "drivers/helper/wire.h"

#include <signal.h>

static const struct helper_owner owner = {.uid = 4294967294u, .instance = "0badcafe"};

/* ---- requests that are right --------------------------------------------------------------------- */

/* The longest object id there is: "vm/" with a name of 63 bytes, and a number. */
#define LONGEST "vm/a23456789012345678901234567890123456789012345678901234567890123/net.9"

static union helper_request good(uint32_t verb)
{
	union helper_request r = {0};

	switch ((enum helper_verb_id)verb) {
	case HELPER_HELLO:
		break;
	case HELPER_LIST_OWNED:
		r.list = (struct helper_list){HELPER_KIND_LOOP, 7};
		break;
	case HELPER_TAP_CREATE:
	case HELPER_BRIDGE_CREATE:
		r.new_link = (struct helper_new_link){.index = HELPER_INDEX_MAX, .mtu = 1500,
			.label = LONGEST};
		break;
	case HELPER_TAP_DELETE:
	case HELPER_BRIDGE_DELETE:
		r.link.index = 5;
		break;
	case HELPER_FIREWALL_LOOK:
	case HELPER_FIREWALL_SET:
	case HELPER_FIREWALL_DROP:
		r.link.index = HELPER_INDEX_MAX;
		break;
	case HELPER_UPLINK_SET:
		r.uplink = (struct helper_uplink){INT32_MAX, 1};
		break;
	case HELPER_LINK_SET:
		r.link_set = (struct helper_link_set){HELPER_KIND_TAP, 5, 1, 1, 2};
		break;
	case HELPER_ADDRESS_ADD:
	case HELPER_ADDRESS_DELETE:
		r.address = (struct helper_address){2, 0x0a000001, 24};
		break;
	case HELPER_SIGNAL:
		r.signal = (struct helper_signal){1, 1234, 99, SIGTERM};
		break;
	default:
		r.cgroup.key = 1; /* also of a loop */
		break;
	}
	return r;
}

#define each_verb(id) (uint32_t id = 0; id < HELPER_VERB_N + 3; id++) if (helper_verb(id))

static struct helper_call call_of(uint32_t verb)
{
	return (struct helper_call){.verb = verb, .seq = 3, .op = {1, 2, 3}, .instance = "0badcafe"};
}

static size_t encode(uint32_t verb, uint8_t out[HELPER_WIRE_MAX])
{
	const union helper_request r = good(verb);
	const struct helper_call c = call_of(verb);
	struct err e = ERR_INIT;
	size_t n = 0;

	if (wire_put_request(&c, &r, out, &n, &e) < 0)
		fail_msg("%s", e.msg);
	return n;
}

/* ---- the table ------------------------------------------------------------------------------------- */

static void every_row_is_whole(void **state)
{
	size_t n = 0;

	(void)state;
	for (uint32_t id = 1; id < HELPER_VERB_N; id++) {
		const struct helper_verb *v = helper_verb(id);

		assert_non_null(v);
		assert_true(v->name[0] && v->does && v->does[0] && v->why && v->why[0]);
		assert_non_null(op_table[id]);
		for (size_t i = 0; i < v->n_request; i++)
			assert_true(v->request[i].name[0] && v->request[i].help[0] &&
				v->request[i].min <= v->request[i].max);
		for (size_t i = 0; i < v->n_answer; i++)
			assert_true(v->answer[i].name[0] && v->answer[i].help[0]);
		n++;
	}
	assert_int_equal(n, HELPER_VERB_N - 1);
	assert_null(helper_verb(HELPER_NONE));
	assert_null(helper_verb(HELPER_VERB_N));
	assert_null(helper_verb(UINT32_MAX));
	assert_null(op_table[HELPER_NONE]);
}

static void requests_go_there_and_back(void **state)
{
	uint8_t bytes[HELPER_WIRE_MAX];

	(void)state;
	for each_verb(id) {
		const union helper_request want = good(id);
		const size_t n = encode(id, bytes);
		union helper_request got;
		struct helper_call c;
		struct err e = ERR_INIT;

		assert_true(n <= 256); /* what the server keeps of a request */
		assert_int_equal(wire_get_request(bytes, n, &c, &got, &e), 0);
		assert_int_equal(c.verb, id);
		assert_int_equal(c.seq, 3);
		assert_string_equal(c.instance, "0badcafe");
		assert_memory_equal(c.op, ((uint8_t[HELPER_OP_LEN]){1, 2, 3}), HELPER_OP_LEN);
		assert_memory_equal(&got, &want, sizeof(got));
	}
}

/* ---- requests that are wrong ------------------------------------------------------------------------ */

static void cut_at_every_byte(void **state)
{
	uint8_t bytes[HELPER_WIRE_MAX + 1];

	(void)state;
	for each_verb(id) {
		const size_t n = encode(id, bytes);
		union helper_request r;
		struct helper_call c;

		for (size_t k = 0; k < n; k++) {
			/* A copy of that very size: a sanitizer sees a read behind it. */
			uint8_t *cut = malloc(k ? k : 1);
			struct err e = ERR_INIT;

			memcpy(cut, bytes, k);
			assert_int_equal(wire_get_request(cut, k, &c, &r, &e), -1);
			assert_int_equal(e.kind, ERR_CONTENT);
			free(cut);
		}
		bytes[n] = 0;
		assert_int_equal(wire_get_request(bytes, n + 1, &c, &r, NULL), -1);
	}
}

static void heads_that_are_refused(void **state)
{
	uint8_t bytes[HELPER_WIRE_MAX];
	const size_t n = encode(HELPER_HELLO, bytes);
	static const struct { size_t at; uint8_t value; enum err_kind kind; } wrong[] = {
		{0, 'X', ERR_CONTENT}, {3, '2', ERR_CONTENT}, {4, 0, ERR_REMOTE},
		{4, HELPER_VERSION + 1, ERR_REMOTE}, {5, 1, ERR_REMOTE}, {6, 0, ERR_CONTENT},
		{6, HELPER_VERB_N, ERR_CONTENT}, {7, 0xff, ERR_CONTENT}, {28, 'A', ERR_CONTENT},
		{28, '/', ERR_CONTENT}, {28, '\0', ERR_CONTENT}, {35, '\n', ERR_CONTENT},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		uint8_t copy[HELPER_WIRE_MAX];
		struct err e = ERR_INIT;
		union helper_request r;
		struct helper_call c;

		memcpy(copy, bytes, n);
		copy[wrong[i].at] = wrong[i].value;
		assert_int_equal(wire_get_request(copy, n, &c, &r, &e), -1);
		assert_int_equal(e.kind, wrong[i].kind);
	}
}

static bool is_refused(const struct helper_verb *v, const union helper_request *r, const char *field)
{
	struct err e = ERR_INIT;

	if (!helper_check(v, r, &e))
		return false;
	assert_int_equal(e.kind, ERR_USAGE);
	assert_non_null(strstr(e.msg, field));
	return true;
}

/* Each number one below and one above its bounds, and both bounds themselves. */
static void numbers_and_their_bounds(void **state)
{
	size_t tried = 0;

	(void)state;
	for each_verb(id) {
		const struct helper_verb *v = helper_verb(id);

		for (size_t i = 0; i < v->n_request; i++) {
			const struct helper_field *f = &v->request[i];
			union helper_request r = good(id);
			uint64_t *at = (void *)((char *)&r + f->offset);

			if (f->type != HELPER_NUMBER)
				continue;
			*at = f->min - 1;
			assert_true(!f->min || is_refused(v, &r, f->name));
			*at = f->max + 1;
			assert_true(f->max == UINT64_MAX || is_refused(v, &r, f->name));
			*at = UINT64_MAX;
			assert_true(f->max == UINT64_MAX || is_refused(v, &r, f->name));
			tried++;
		}
	}
	assert_true(tried > 20);
}

static void labels_that_are_refused(void **state)
{
	static const char *const wrong[] = {"", "a b", "a\nb", "A", "a:b", "a%d", "a\"b", "a;b", "a'b",
		"\xff", "a\x1b[0m", "a\\b", "a_b", "a$b", "a`b"};
	static const uint32_t verbs[] = {HELPER_TAP_CREATE, HELPER_BRIDGE_CREATE};

	(void)state;
	for (size_t v = 0; v < 2; v++) {
		union helper_request r = good(verbs[v]);

		for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
			snprintf(r.new_link.label, sizeof(r.new_link.label), "%s", wrong[i]);
			assert_true(is_refused(helper_verb(verbs[v]), &r, "label"));
		}
		memset(r.new_link.label, 'a', HELPER_LABEL_MAX);
		r.new_link.label[HELPER_LABEL_MAX] = '\0';
		assert_int_equal(helper_check(helper_verb(verbs[v]), &r, NULL), 0);
		r.new_link.label[HELPER_LABEL_MAX] = 'a';
		assert_true(is_refused(helper_verb(verbs[v]), &r, "label"));
	}
}

/* What a length byte can say beyond the label's room, and a NUL inside it. */
static void texts_on_the_wire(void **state)
{
	uint8_t bytes[HELPER_WIRE_MAX];
	size_t n = encode(HELPER_BRIDGE_CREATE, bytes);
	const size_t at = n - strlen(LONGEST) - 1;
	union helper_request r;
	struct helper_call c;

	(void)state;
	assert_int_equal(bytes[at], strlen(LONGEST));
	bytes[n - 1] = 0;
	assert_int_equal(wire_get_request(bytes, n, &c, &r, NULL), -1);
	memset(bytes + at + 1, 'a', 255);
	for (unsigned len = 0; len < 256; len++) {
		bytes[at] = (uint8_t)len;
		assert_int_equal(wire_get_request(bytes, at + 1 + len, &c, &r, NULL),
			len >= 1 && len <= HELPER_LABEL_MAX ? 0 : -1);
	}
}

static void signals(void **state)
{
	const struct helper_verb *v = helper_verb(HELPER_SIGNAL);
	union helper_request r = good(HELPER_SIGNAL);
	unsigned allowed = 0;

	(void)state;
	for (uint64_t sig = 0; sig < 70; sig++) {
		r.signal.sig = sig;
		allowed += helper_check(v, &r, NULL) == 0;
	}
	assert_int_equal(allowed, 8);
	r.signal.sig = SIGSTOP;
	assert_true(is_refused(v, &r, "sig"));
	r.signal.sig = SIGCONT;
	assert_true(is_refused(v, &r, "sig"));
}

static void addresses(void **state)
{
	static const struct { uint32_t address; unsigned prefix; bool ok; } cases[] = {
		{0x0a000001, 24, true}, {0xac100001, 16, true}, {0xc0a80101, 30, true},
		{0x64400001, 16, true}, {0x0a000000, 24, false}, {0x0a0000ff, 24, false},
		{0x08080808, 24, false}, {0x7f000001, 24, false}, {0xe0000001, 24, false},
		{0xac200001, 16, false}, {0x64800001, 16, false}, {0xa9fe0001, 16, false},
		{0x0a000001, 31, false}, {0x0a000001, 8, false}, {0xfffffffe, 24, false},
	};
	union helper_request r = good(HELPER_ADDRESS_ADD);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		r.address.address = cases[i].address;
		r.address.prefix = cases[i].prefix;
		assert_int_equal(helper_check(helper_verb(HELPER_ADDRESS_ADD), &r, NULL) == 0,
			cases[i].ok);
	}
}

static void ports(void **state)
{
	union helper_request r = good(HELPER_LINK_SET);

	(void)state;
	r.link_set.kind = HELPER_KIND_BRIDGE;
	assert_true(is_refused(helper_verb(HELPER_LINK_SET), &r, "attach"));
	r.link_set.attach = 0;
	assert_true(is_refused(helper_verb(HELPER_LINK_SET), &r, "bridge"));
	r.link_set.bridge = 0;
	assert_int_equal(helper_check(helper_verb(HELPER_LINK_SET), &r, NULL), 0);
}

/* ---- answers ------------------------------------------------------------------------------------------ */

static void answers_go_there_and_back(void **state)
{
	(void)state;
	for each_verb(id) {
		const struct helper_call c = call_of(id);
		struct helper_call other = c;
		union helper_answer want = {0}, got;
		uint8_t bytes[HELPER_WIRE_MAX];
		struct err e = ERR_INIT;
		size_t n;

		if (id == HELPER_LIST_OWNED) {
			want.list.count = HELPER_ITEMS_MAX;
			for (size_t i = 0; i < HELPER_ITEMS_MAX; i++)
				want.list.items[i] = (struct helper_item){i, UINT64_MAX - i};
		} else if (helper_verb(id)->n_answer) {
			want.hello.version = 9;
		}
		n = wire_put_answer(&c, &want, NULL, bytes);
		assert_true(n < HELPER_WIRE_MAX);
		assert_int_equal(wire_get_answer(bytes, n, &c, &got, &e), 0);
		assert_memory_equal(&got, &want, sizeof(got));
		for (size_t k = 0; k < n; k++)
			assert_int_equal(wire_get_answer(bytes, k, &c, &got, NULL), -1);
		other.seq++;
		assert_int_equal(wire_get_answer(bytes, n, &other, &got, &e), -1);
		assert_int_equal(e.kind, ERR_CONTENT);
	}
}

static void errors_come_back_as_they_were(void **state)
{
	const struct helper_call c = call_of(HELPER_TAP_CREATE);
	struct err sent = ERR_INIT, got = ERR_INIT;
	uint8_t bytes[HELPER_WIRE_MAX];
	union helper_answer a;
	size_t n;

	(void)state;
	err_sys(&sent, 13, "cannot do it");
	err_hint(&sent, "ask");
	n = wire_put_answer(&c, NULL, &sent, bytes);
	assert_int_equal(wire_get_answer(bytes, n, &c, &a, &got), -1);
	assert_int_equal(got.kind, ERR_DENIED);
	assert_int_equal(got.errnum, 13);
	assert_string_equal(got.msg, sent.msg);
	assert_string_equal(got.hint, "ask");
	for (size_t k = 0; k < n; k++)
		assert_int_equal(wire_get_answer(bytes, k, &c, &a, NULL), -1);
	memset(sent.msg, 'm', sizeof(sent.msg) - 1);
	memset(sent.hint, 'h', sizeof(sent.hint) - 1);
	n = wire_put_answer(&c, NULL, &sent, bytes);
	assert_int_equal(wire_get_answer(bytes, n, &c, &a, &got), -1);
	assert_int_equal(got.kind, ERR_DENIED);
}

/* ---- names ---------------------------------------------------------------------------------------------- */

static void names_fit_and_come_back(void **state)
{
	static const struct helper_owner others[] = {{1000, "0badcafe"}, {4294967294u, "0badcaff"}};
	char name[IFNAMSIZ], mark[HELPER_MARK_MAX], loop[HELPER_LOOP_MARK_MAX];
	uint64_t index = 0, key = 0;

	(void)state;
	helper_link_name(&owner, HELPER_KIND_TAP, HELPER_INDEX_MAX, name);
	assert_true(strlen(name) <= 15);
	assert_true(helper_link_parse(&owner, HELPER_KIND_TAP, name, &index));
	assert_int_equal(index, HELPER_INDEX_MAX);
	assert_false(helper_link_parse(&owner, HELPER_KIND_BRIDGE, name, &index));
	helper_mark(&owner, LONGEST, mark);
	assert_non_null(strstr(mark, LONGEST));
	assert_true(helper_mark_is_ours(&owner, mark));
	helper_loop_mark(&owner, UINT64_MAX, loop);
	assert_true(strlen(loop) < HELPER_LOOP_MARK_MAX - 1);
	assert_true(helper_loop_parse(&owner, loop, &key));
	assert_true(key == UINT64_MAX);
	for (size_t i = 0; i < 2; i++) {
		assert_false(helper_link_parse(&others[i], HELPER_KIND_TAP, name, &index));
		assert_false(helper_mark_is_ours(&others[i], mark));
		assert_false(helper_loop_parse(&others[i], loop, &key));
	}
}

/* "reconcile:1" is no beginning of "reconcile:10...", whatever the label says. */
static void marks_do_not_run_into_each_other(void **state)
{
	const struct helper_owner one = {1, "00000000"}, ten = {10, "00000000"};
	char mark[HELPER_MARK_MAX];

	(void)state;
	helper_mark(&ten, "vm/a", mark);
	assert_false(helper_mark_is_ours(&one, mark));
	assert_false(helper_mark_is_ours(&one, ""));
	assert_false(helper_mark_is_ours(&one, "reconcile:1:00000000"));
	assert_true(helper_mark_is_ours(&one, "reconcile:1:00000000:"));
}

static void names_that_are_not_ours(void **state)
{
	static const char *const wrong[] = {"", "lo", "eth0", "rc", "rc000000t", "rct1", "tap%d", "..",
		"rc000000t01", "rc000000t9999999", "rc000000tx", "rc000000t1x"};
	uint64_t v;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_false(helper_link_parse(&owner, HELPER_KIND_TAP, wrong[i], &v));
		assert_false(helper_group_parse(wrong[i], &v));
		assert_false(helper_loop_parse(&owner, wrong[i], &v));
	}
	assert_false(helper_group_parse("vm-1", &v));
	assert_false(helper_group_parse("vm-000000000000000g", &v));
	assert_false(helper_group_parse("vm-00000000000000001", &v));
	assert_true(helper_group_parse("vm-000000000000000f", &v));
	assert_int_equal(v, 15);
}

/* ---- lists ------------------------------------------------------------------------------------------------ */

static void lists_are_sorted_and_bounded(void **state)
{
	union helper_answer a = {0};
	uint64_t x = 12345;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		x = x * 6364136223846793005ull + 1442695040888963407ull;
		op_list_add(&a, 100, x >> 40, (uint64_t)i);
	}
	assert_int_equal(a.list.count, HELPER_ITEMS_MAX);
	assert_int_equal(a.list.more, 1);
	for (size_t i = 0; i < HELPER_ITEMS_MAX; i++)
		assert_true(a.list.items[i].key >= (i ? a.list.items[i - 1].key : 100));
	a = (union helper_answer){0};
	for (uint64_t i = 0; i < HELPER_ITEMS_MAX + 5; i++)
		op_list_add(&a, 5, HELPER_ITEMS_MAX + 4 - i, i);
	assert_int_equal(a.list.count, HELPER_ITEMS_MAX);
	assert_int_equal(a.list.more, 0);
	assert_int_equal(a.list.items[0].key, 5);
}

/* ---- configuration ----------------------------------------------------------------------------------------- */

static int64_t known_uid(const char *name)
{
	return strcmp(name, "reconcile") ? -1 : 990;
}

static int parse(const char *text, struct helper_conf *c)
{
	struct err e = ERR_INIT;
	int rc = conf_parse(text, strlen(text), known_uid, c, &e);

	assert_true((rc < 0) == (e.kind != ERR_NONE));
	return rc;
}

static void configurations(void **state)
{
	static const char *const wrong[] = {"owner", "owner nobody-known", "own 1", "owner 1 taps",
		"owner 1 taps=", "owner 1 taps=-1", "owner 1 taps=1x", "owner 1 taps=99999999999999999999",
		"owner 1 taps=100001", "owner 1 what=1", "owner 1\nowner 1", "owner -1", "owner 4294967295",
		"owner 1 uids=1", "owner 1 uids=0-70000", "owner 1 uids=70000-69999",
		"owner 1 uids=70000-4294967295", "owner 1 ports=80", "owner 1 ports=9-8", "owner 1 ports=1-65536", "owner reconcile\nowner 990"};
	struct helper_conf c;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(parse(wrong[i], &c), -1);
	assert_int_equal(parse("", &c), 0);
	assert_null(conf_find(&c, 0));
	assert_int_equal(parse("# nobody\n\n  owner\treconcile  taps=3 uids=300000-300999 # so\n"
		"owner 1000 memory=1024\n", &c), 0);
	assert_int_equal(c.n, 2);
	assert_int_equal(conf_find(&c, 990)->taps, 3);
	assert_int_equal(conf_find(&c, 990)->uid_max, 300999);
	assert_int_equal(conf_find(&c, 990)->loops, conf_default(990).loops);
	assert_int_equal(conf_find(&c, 1000)->memory, 1024);
	assert_null(conf_find(&c, 1001));
	assert_int_equal(conf_parse("a\0b", 3, known_uid, &c, NULL), -1);
}

static void files_that_others_can_write(void **state)
{
	char dir[SCRATCH_MAX], path[SCRATCH_MAX + 32];
	struct helper_conf c;
	struct err e = ERR_INIT;
	int fd;

	(void)state;
	if (geteuid())
		skip_because("not root");
	scratch_make(dir);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	snprintf(path, sizeof(path), "%s/helper.conf", dir);
	assert_int_equal(conf_read(path, &c, &e), -1);
	assert_int_equal(e.kind, ERR_NOINPUT);
	put_text(fd, "helper.conf", "owner 5\n");
	assert_int_equal(conf_read(path, &c, &e), 0);
	assert_non_null(conf_find(&c, 5));
	assert_int_equal(chmod(path, 0620), 0);
	assert_int_equal(conf_read(path, &c, &e), -1);
	assert_int_equal(e.kind, ERR_GUARD);
	assert_int_equal(chmod(path, 0600) | chown(path, 5, 5), 0);
	assert_int_equal(conf_read(path, &c, &e), -1);
	assert_int_equal(chown(path, 0, 0) | chmod(dir, 0777), 0);
	assert_int_equal(conf_read(path, &c, &e), -1);
	assert_int_equal(chmod(dir, 0700) | chown(dir, 5, 5), 0);
	assert_int_equal(conf_read(path, &c, &e), -1);
	assert_int_equal(chown(dir, 0, 0) | renameat(fd, "helper.conf", fd, "real") |
		symlinkat("real", fd, "helper.conf"), 0);
	assert_int_equal(conf_read(path, &c, &e), -1);
	assert_int_equal(conf_read("helper.conf", &c, &e), -1);
	close(fd);
	scratch_remove(dir);
}

/* ---- the client --------------------------------------------------------------------------------------------- */

static void the_fake_records(void **state)
{
	struct helper_fake fake = {.fail = HELPER_TAP_DELETE};
	union helper_request r = good(HELPER_TAP_CREATE);
	union helper_answer a;
	struct err e = ERR_INIT;
	struct helper h;

	(void)state;
	err_set(&fake.why, ERR_LOCKED, "busy");
	fake.answer.link.ifindex = 7;
	helper_fake(&h, &fake);
	assert_int_equal(helper_call(&h, HELPER_TAP_CREATE, &r, -1, &a, &e), 0);
	assert_int_equal(a.link.ifindex, 7);
	assert_int_equal(fake.n, 1);
	assert_string_equal(fake.calls[0].request.new_link.label, LONGEST);
	assert_int_equal(helper_call(&h, HELPER_TAP_DELETE, &r, -1, &a, &e), -1);
	assert_int_equal(e.kind, ERR_LOCKED);
	r.new_link.mtu = 1;
	assert_int_equal(helper_call(&h, HELPER_TAP_CREATE, &r, -1, &a, &e), -1);
	assert_int_equal(e.kind, ERR_USAGE);
	assert_int_equal(fake.n, 2);
	r.loop = (struct helper_loop){1, 1};
	assert_int_equal(helper_call(&h, HELPER_LOOP_ATTACH, &r, -1, &a, &e), -1);
	helper_close(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_is_whole),
		cmocka_unit_test(requests_go_there_and_back),
		cmocka_unit_test(cut_at_every_byte),
		cmocka_unit_test(heads_that_are_refused),
		cmocka_unit_test(numbers_and_their_bounds),
		cmocka_unit_test(labels_that_are_refused),
		cmocka_unit_test(texts_on_the_wire),
		cmocka_unit_test(signals),
		cmocka_unit_test(addresses),
		cmocka_unit_test(ports),
		cmocka_unit_test(answers_go_there_and_back),
		cmocka_unit_test(errors_come_back_as_they_were),
		cmocka_unit_test(names_fit_and_come_back),
		cmocka_unit_test(marks_do_not_run_into_each_other),
		cmocka_unit_test(names_that_are_not_ours),
		cmocka_unit_test(lists_are_sorted_and_bounded),
		cmocka_unit_test(configurations),
		cmocka_unit_test(files_that_others_can_write),
		cmocka_unit_test(the_fake_records),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
