/* later_rules.c - rules across the fields that no driver does yet; see later.h.
 *
 * A spec is read from top to bottom, and nothing of these fields is kept but what may stand there
 * once only: what it is, and where it stood first. A profile or the defaults take no part: a VM can
 * say otherwise, and nobody may use them.
 */
#include "schema/later.h"

#include "schema/base/utf8.h"
#include "schema/value.h"

#include <string.h>

#define SHOWN 60

/* The place where that thing was met first, NULL when this is the first. */
static const struct pos *first_of(const struct later_place *at, const char *thing, struct pos pos)
{
	struct pos *here = arena_new(at->l->a, struct pos);

	*here = pos;
	thing = arena_dup(at->l->a, thing);
	return map_add(at->l->a, &at->l->later, thing, strlen(thing), here);
}

void later_rule_entry(const struct later_place *at, const struct yaml_node *key)
{
	_cleanup_arena_ struct arena scratch = ARENA_INIT;
	const struct pos *first = first_of(at,
		arena_printf(&scratch, "%s %s", at->noun->singular, key->text),
		bind_place(at->src, key));

	if (first)
		BIND_ERROR(at->l, at->src, key, "%s is given twice", at->where)->other = *first;
}

static void rule_mac(const struct later_place *at, const char *mac, const struct yaml_node *n)
{
	_cleanup_arena_ struct arena scratch = ARENA_INIT;
	const struct pos *first = first_of(at, arena_printf(&scratch, "mac %s", mac),
		bind_place(at->src, n));

	if (first)
		BIND_ERROR(at->l, at->src, n, "%s is the MAC address of another interface", mac)->other =
			*first;
}

/* Two addresses of this host can have the same port, but not beside a port of all addresses. */
static void rule_port(const struct later_place *at, const char *text, const struct yaml_node *n)
{
	_cleanup_arena_ struct arena scratch = ARENA_INIT;
	const struct value_port p = value_split_port(text);
	const struct pos here = bind_place(at->src, n), *first, *any, *same;
	const char *port = arena_printf(&scratch, "%s port %u", p.is_udp ? "UDP" : "TCP", p.port);
	const char *of_all = arena_printf(&scratch, "%s of all", port);

	any = map_get(&at->l->later, of_all, strlen(of_all));
	first = first_of(at, port, here);
	same = first_of(at, p.address ? arena_printf(&scratch, "%s of %u", port, p.address) : of_all,
		here);
	if (!same)
		same = p.address ? any : first;
	if (same)
		BIND_ERROR(at->l, at->src, n, "%s of this host leads elsewhere already", port)->other =
			*same;
}

void later_rule_value(const struct later_place *at, const struct field *f, const char *text,
	const struct yaml_node *n)
{
	_cleanup_arena_ struct arena scratch = ARENA_INIT;
	const char *mac = NULL;

	if (at->is_layer)
		return;
	if (f->type == FIELD_MAC && value_parse_mac(&scratch, f, text, &mac, NULL) == 0)
		rule_mac(at, mac, n);
	else if (f->type == FIELD_PORTS || f->type == FIELD_LISTEN)
		rule_port(at, text, n);
}
