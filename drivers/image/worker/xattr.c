/* xattr.c - extended attributes, packed; see xattr.h. */
#include "drivers/image/worker/xattr.h"

#include <string.h>

#define NAME_MAX_LEN 255u
#define VALUE_MAX 65536u

bool xattr_wanted(const char *name)
{
	static const struct {
		const char *name; /* ends in a dot: any name that begins so */
		bool wanted;
	} rules[] = { /* the first that fits decides */
		{"trusted.overlay.", false},
		{"security.selinux", false},
		{"user.", true},
		{"trusted.", true},
		{"security.", true},
		{"system.posix_acl_access", true},
		{"system.posix_acl_default", true},
	};

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		const size_t n = strlen(rules[i].name);
		const bool prefix = rules[i].name[n - 1] == '.';

		if (!strncmp(name, rules[i].name, n) && (prefix ? name[n] != '\0' : !name[n]))
			return rules[i].wanted;
	}
	return false;
}

int xattr_pack(char *buf, size_t max, size_t *used, const struct xattr *x, struct err *e)
{
	const size_t len = strlen(x->name);
	const uint16_t name_len = (uint16_t)len;
	const uint32_t size = (uint32_t)x->size;
	const size_t need = sizeof(name_len) + sizeof(size) + len + 1 + x->size;

	if (!len || len > NAME_MAX_LEN || x->size > VALUE_MAX)
		return err_set(e, ERR_CONTENT, "extended attribute \"%.64s\": its name or value is too "
			"long", x->name);
	if (need > max - *used)
		return err_set(e, ERR_LIMIT, "extended attributes of more than %zu bytes", max);
	buf += *used;
	memcpy(buf, &name_len, sizeof(name_len));
	memcpy(buf + sizeof(name_len), &size, sizeof(size));
	buf += sizeof(name_len) + sizeof(size);
	memcpy(buf, x->name, len + 1);
	memcpy(buf + len + 1, x->value, x->size);
	*used += need;
	return 0;
}

bool xattr_unpack(const void *packed, size_t n, size_t *at, struct xattr *out)
{
	const char *p = (const char *)packed + *at;
	uint16_t name_len;
	uint32_t size;

	if (*at >= n)
		return false;
	memcpy(&name_len, p, sizeof(name_len));
	memcpy(&size, p + sizeof(name_len), sizeof(size));
	p += sizeof(name_len) + sizeof(size);
	*out = (struct xattr){.name = p, .value = p + name_len + 1, .size = size};
	*at += sizeof(name_len) + sizeof(size) + name_len + 1u + size;
	return true;
}
