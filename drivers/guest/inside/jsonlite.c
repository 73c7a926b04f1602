/* jsonlite.c - a bounded JSON reader without memory of its own. */
#include "drivers/guest/inside/jsonlite.h"

#include <string.h>

struct parser {
	char *at, *end;
	struct jsonlite_node *nodes;
	size_t n, max;
};

size_t jsonlite_utf8(const char *p, const char *end)
{
	const unsigned char *s = (const unsigned char *)p;
	size_t left = (size_t)(end - p);
	size_t n = 0;

	if (!left)
		return 0;
	if (s[0] < 0x80)
		return 1;
	if (s[0] >= 0xc2 && s[0] <= 0xdf)
		n = 2;
	else if (s[0] >= 0xe0 && s[0] <= 0xef)
		n = 3;
	else if (s[0] >= 0xf0 && s[0] <= 0xf4)
		n = 4;
	if (!n || n > left)
		return 0;
	/* Shortest form only, no surrogates, nothing above U+10FFFF (RFC 3629). */
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
		(s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

static void skip_space(struct parser *p)
{
	while (p->at < p->end && (*p->at == ' ' || *p->at == '\t' || *p->at == '\n' || *p->at == '\r'))
		p->at++;
}

static bool eat(struct parser *p, char c)
{
	if (p->at >= p->end || *p->at != c)
		return false;
	p->at++;
	return true;
}

static struct jsonlite_node *new_node(struct parser *p, enum jsonlite_type type)
{
	struct jsonlite_node *node;

	if (p->n >= p->max)
		return NULL;
	node = &p->nodes[p->n++];
	*node = (struct jsonlite_node){.type = (uint8_t)type, .span = 1};
	return node;
}

/* ---- strings ---------------------------------------------------------------------------- */

static bool hex4(struct parser *p, uint32_t *out)
{
	uint32_t value = 0;

	if (p->end - p->at < 4)
		return false;
	for (int i = 0; i < 4; i++) {
		char c = *p->at++;

		if (c >= '0' && c <= '9')
			value = value << 4 | (uint32_t)(c - '0');
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			value = value << 4 | (uint32_t)((c | 0x20) - 'a' + 10);
		else
			return false;
	}
	*out = value;
	return true;
}

static char *put_utf8(char *to, uint32_t c)
{
	if (c < 0x80) {
		*to++ = (char)c;
	} else if (c < 0x800) {
		*to++ = (char)(0xc0 | c >> 6);
		*to++ = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		*to++ = (char)(0xe0 | c >> 12);
		*to++ = (char)(0x80 | (c >> 6 & 0x3f));
		*to++ = (char)(0x80 | (c & 0x3f));
	} else {
		*to++ = (char)(0xf0 | c >> 18);
		*to++ = (char)(0x80 | (c >> 12 & 0x3f));
		*to++ = (char)(0x80 | (c >> 6 & 0x3f));
		*to++ = (char)(0x80 | (c & 0x3f));
	}
	return to;
}

static bool unicode_escape(struct parser *p, char **to)
{
	uint32_t c, low;

	if (!hex4(p, &c) || !c)
		return false;
	if (c >= 0xd800 && c <= 0xdbff) {
		if (!eat(p, '\\') || !eat(p, 'u') || !hex4(p, &low) || low < 0xdc00 || low > 0xdfff)
			return false;
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
	} else if (c >= 0xdc00 && c <= 0xdfff) {
		return false;
	}
	*to = put_utf8(*to, c);
	return true;
}

static bool escape(struct parser *p, char **to)
{
	static const char from[] = "\"\\/bfnrt", into[] = "\"\\/\b\f\n\r\t";
	const char *hit;
	char c;

	if (p->at >= p->end)
		return false;
	c = *p->at++;
	if (c == 'u')
		return unicode_escape(p, to);
	hit = c ? strchr(from, c) : NULL;
	if (!hit)
		return false;
	*(*to)++ = into[hit - from];
	return true;
}

static bool is_plain(char c)
{
	return c >= 0x20 && c < 0x7f && c != '\\';
}

/* What is not plain: an escape or a longer UTF-8 sequence; a raw control character is neither. */
static bool parse_odd(struct parser *p, char **to)
{
	size_t n = jsonlite_utf8(p->at, p->end);

	if (!n || (unsigned char)*p->at < 0x20)
		return false;
	if (eat(p, '\\'))
		return escape(p, to);
	memmove(*to, p->at, n);
	*to += n;
	p->at += n;
	return true;
}

/* An escape is never shorter than what it stands for, so the decoded text stays behind the place
 * that is read; the terminating NUL lands on the closing quote or before it. */
static bool parse_string(struct parser *p)
{
	struct jsonlite_node *node = new_node(p, JSONLITE_STR);
	char *to;

	if (!node || !eat(p, '"'))
		return false;
	node->str = to = p->at;
	while (p->at < p->end && *p->at != '"') {
		if (is_plain(*p->at))
			*to++ = *p->at++;
		else if (!parse_odd(p, &to))
			return false;
	}
	if (!eat(p, '"'))
		return false;
	node->len = (uint32_t)(to - node->str);
	*to = '\0';
	return true;
}

/* ---- numbers and words ------------------------------------------------------------------ */

static bool is_digit(const struct parser *p)
{
	return p->at < p->end && *p->at >= '0' && *p->at <= '9';
}

static bool digits(struct parser *p)
{
	if (!is_digit(p))
		return false;
	while (is_digit(p))
		p->at++;
	return true;
}

static bool integer_part(struct parser *p, bool minus, struct jsonlite_node *node)
{
	const char *start = p->at;
	int64_t value = 0;

	while (is_digit(p)) {
		int digit = *p->at++ - '0';

		/* Counted downwards: the smallest number has no positive twin. */
		if (__builtin_mul_overflow(value, 10, &value) ||
			__builtin_sub_overflow(value, digit, &value))
			node->type = JSONLITE_REAL;
	}
	if (p->at == start || (*start == '0' && p->at > start + 1))
		return false;
	if (!minus && __builtin_sub_overflow((int64_t)0, value, &value))
		node->type = JSONLITE_REAL;
	node->num = node->type == JSONLITE_INT ? value : 0;
	return true;
}

static bool parse_number(struct parser *p)
{
	struct jsonlite_node *node = new_node(p, JSONLITE_INT);
	bool minus = eat(p, '-');

	if (!node || !integer_part(p, minus, node))
		return false;
	if (eat(p, '.')) {
		*node = (struct jsonlite_node){.type = JSONLITE_REAL, .span = 1};
		if (!digits(p))
			return false;
	}
	if (eat(p, 'e') || eat(p, 'E')) {
		*node = (struct jsonlite_node){.type = JSONLITE_REAL, .span = 1};
		if (!eat(p, '+'))
			eat(p, '-');
		return digits(p);
	}
	return true;
}

static bool parse_word(struct parser *p)
{
	static const struct {
		const char *word;
		enum jsonlite_type type;
		int value;
	} words[] = {{"null", JSONLITE_NULL, 0}, {"true", JSONLITE_BOOL, 1},
		{"false", JSONLITE_BOOL, 0}};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t n = strlen(words[i].word);
		struct jsonlite_node *node;

		if ((size_t)(p->end - p->at) < n || memcmp(p->at, words[i].word, n) != 0)
			continue;
		p->at += n;
		node = new_node(p, words[i].type);
		if (node)
			node->num = words[i].value;
		return node;
	}
	return false;
}

/* ---- lists and maps --------------------------------------------------------------------- */

static bool parse_value(struct parser *p, int depth);

static bool key_is_new(const struct jsonlite_node *map, const struct jsonlite_node *key)
{
	const struct jsonlite_node *k = map + 1;

	for (uint32_t i = 0; i < map->len; i++, k += 1 + k[1].span)
		if (k->len == key->len && !memcmp(k->str, key->str, k->len))
			return false;
	return true;
}

static bool parse_member(struct parser *p, const struct jsonlite_node *map, int depth)
{
	const struct jsonlite_node *key = &p->nodes[p->n];

	if (map->type == JSONLITE_LIST)
		return parse_value(p, depth);
	if (!parse_string(p) || !key_is_new(map, key))
		return false;
	skip_space(p);
	return eat(p, ':') && parse_value(p, depth);
}

static bool parse_children(struct parser *p, enum jsonlite_type type, char close, int depth)
{
	struct jsonlite_node *node = new_node(p, type);

	if (!node || depth > JSONLITE_DEPTH_MAX)
		return false;
	p->at++;
	skip_space(p);
	if (eat(p, close))
		return true;
	for (;;) {
		skip_space(p);
		if (!parse_member(p, node, depth))
			return false;
		node->len++;
		node->span = (uint32_t)(&p->nodes[p->n] - node);
		skip_space(p);
		if (eat(p, close))
			return true;
		if (!eat(p, ','))
			return false;
	}
}

/* Recursive, but no deeper than JSONLITE_DEPTH_MAX. */
static bool parse_value(struct parser *p, int depth)
{
	skip_space(p);
	if (p->at >= p->end)
		return false;
	switch (*p->at) {
	case '"':
		return parse_string(p);
	case '[':
		return parse_children(p, JSONLITE_LIST, ']', depth + 1);
	case '{':
		return parse_children(p, JSONLITE_MAP, '}', depth + 1);
	case 'n':
	case 't':
	case 'f':
		return parse_word(p);
	default:
		return parse_number(p);
	}
}

size_t jsonlite_parse(char *text, size_t n, struct jsonlite_node *nodes, size_t max)
{
	struct parser p = {.at = text, .end = text + n, .nodes = nodes, .max = max};

	if (n > UINT32_MAX || !parse_value(&p, 0))
		return 0;
	skip_space(&p);
	return p.at == p.end ? p.n : 0;
}

/* ---- looking things up ------------------------------------------------------------------ */

const struct jsonlite_node *jsonlite_get(const struct jsonlite_node *map, const char *key)
{
	const struct jsonlite_node *k;

	if (!map || map->type != JSONLITE_MAP)
		return NULL;
	k = map + 1;
	for (uint32_t i = 0; i < map->len; i++, k += 1 + k[1].span)
		if (!strcmp(k->str, key))
			return k + 1;
	return NULL;
}

const char *jsonlite_str(const struct jsonlite_node *map, const char *key, const char *def)
{
	const struct jsonlite_node *v = jsonlite_get(map, key);

	return v && v->type == JSONLITE_STR ? v->str : def;
}

int64_t jsonlite_int(const struct jsonlite_node *map, const char *key, int64_t def)
{
	const struct jsonlite_node *v = jsonlite_get(map, key);

	return v && v->type == JSONLITE_INT ? v->num : def;
}

bool jsonlite_flag(const struct jsonlite_node *map, const char *key, bool def)
{
	const struct jsonlite_node *v = jsonlite_get(map, key);

	return v && v->type == JSONLITE_BOOL ? v->num != 0 : def;
}

int jsonlite_strings(const struct jsonlite_node *list)
{
	if (!list)
		return 0;
	if (list->type != JSONLITE_LIST)
		return -1;
	for (uint32_t i = 0; i < list->len; i++)
		if (list[1 + i].type != JSONLITE_STR)
			return -1;
	return (int)list->len;
}

void jsonlite_strv(const struct jsonlite_node *list, const char **v)
{
	uint32_t n = list ? list->len : 0;

	for (uint32_t i = 0; i < n; i++)
		v[i] = list[1 + i].str;
	v[n] = NULL;
}
