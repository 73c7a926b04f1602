/* value.h - values of one type each: text to value and back. The rows of types[] in field.c.
 *
 * PURE. at is the member of the *_spec. A message needs no field name: field_parse puts it before.
 */
#pragma once

#include "schema/field.h"

int value_parse_string(struct arena *a, const struct field *f, const char *text, void *at,
	struct err *e);
int value_parse_path(struct arena *a, const struct field *f, const char *text, void *at,
	struct err *e);
int value_parse_digest(struct arena *a, const struct field *f, const char *text, void *at,
	struct err *e);
int value_parse_bool(struct arena *a, const struct field *f, const char *text, void *at,
	struct err *e);
int value_parse_u32(struct arena *a, const struct field *f, const char *text, void *at,
	struct err *e);
int value_parse_enum(struct arena *a, const struct field *f, const char *text, void *at,
	struct err *e);
int value_parse_size(struct arena *a, const struct field *f, const char *text, void *at,
	struct err *e);
int value_parse_duration(struct arena *a, const struct field *f, const char *text, void *at,
	struct err *e);
int value_parse_list(struct arena *a, const struct field *f, const char *text, void *at,
	struct err *e);

/* What has to do with networks: value_net.c. */
int value_parse_address(struct arena *a, const struct field *f, const char *text, void *at,
	struct err *e);
int value_parse_subnet(struct arena *a, const struct field *f, const char *text, void *at,
	struct err *e);
int value_parse_mac(struct arena *a, const struct field *f, const char *text, void *at,
	struct err *e);
int value_parse_listen(struct arena *a, const struct field *f, const char *text, void *at,
	struct err *e);
int value_parse_ports(struct arena *a, const struct field *f, const char *text, void *at,
	struct err *e);

/* "LISTEN vm/NAME:PORT": a port of this host, and where it leads. */
int value_parse_forward(struct arena *a, const struct field *f, const char *text, void *at,
	struct err *e);

/* What such a text leads to: a VM's name, in a, and a port. */
const char *value_forward_vm(struct arena *a, const char *text);
uint32_t value_forward_port(const char *text);

/* What stands outside in a text that FIELD_LISTEN or FIELD_PORTS took. */
struct value_port {
	uint32_t address; /* 0: every address of the host */
	uint32_t port;
	bool is_udp;
};
struct value_port value_split_port(const char *text);

/* Whether an address is one of a network that a host can have: not the first, not the last. Both
 * were taken by their types. */
bool value_is_host_in(const char *address, const char *subnet);

/* A number as vsock(7) has them; the last one means any. */
bool value_is_vsock_port(const char *text);

const char *value_print_string(struct arena *a, const struct field *f, const void *at);
const char *value_print_bool(struct arena *a, const struct field *f, const void *at);
const char *value_print_u32(struct arena *a, const struct field *f, const void *at);
const char *value_print_enum(struct arena *a, const struct field *f, const void *at);
const char *value_print_size(struct arena *a, const struct field *f, const void *at);
const char *value_print_duration(struct arena *a, const struct field *f, const void *at);
const char *value_print_list(struct arena *a, const struct field *f, const void *at);

/* Append to a list; its elements are checked. */
int value_append(struct arena *a, const struct field *f, struct strv *list, const char *text,
	struct err *e);

/* Put NAME=text in its place in a sorted map. value_check_key: whether key may be such a name. */
int value_append_pair(struct arena *a, const struct field *f, struct strv *map, const char *key,
	const char *text, struct err *e);
int value_check_key(const struct field *f, const char *key, struct err *e);

/* The text of NAME in such a map, NULL if it is not there; n bytes of name count. */
const char *value_of_key(const struct strv *map, const char *name, size_t n);

/* Put an entry "NAME=text" of another map in its place, unless NAME is there. Whether it was put. */
bool value_join(struct arena *a, struct strv *map, const char *entry);
