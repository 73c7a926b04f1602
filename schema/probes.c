/* probes.c - rules of ready and liveness: one question each, and one that can be asked. */
#include "schema/bind.h"

#include "schema/base/utf8.h"

#include <regex.h>
#include <string.h>

#define SHOWN 60

/* Two questions are one too many: which of them would count? */
static void check_one_probe(struct load *l, const struct vm_spec *s, const char *of,
	const struct probe_spec *p)
{
	const struct {
		const char *what;
		bool given;
	} ways[] = {{"tcp", p->tcp}, {"http", p->http}, {"exec", p->exec.n}, {"console", p->console}};
	const char *first = NULL;

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		const char *path = arena_printf(l->a, "%s.%s", of, ways[i].what);

		if (!ways[i].given)
			continue;
		if (first && !diags_full(l->diags)) {
			load_error(l, field_pos(&s->head, path), "%s: there is %s already; one of "
				"tcp, http, exec%s is asked", path, first,
				p == &s->ready ? " and console" : "")->other =
				field_pos(&s->head, first);
			return;
		}
		first = path;
	}
	if (p->port && !p->http && first)
		load_error(l, field_pos(&s->head, arena_printf(l->a, "%s.port", of)),
			"%s.port: is for %s.http, and there is %s", of, of, first);
}

static void check_http(struct load *l, const struct vm_spec *s, const char *path, const char *http)
{
	if (http && (*http != '/' || strpbrk(http, " #")) && !check_inherited(&s->head, path))
		load_error(l, field_pos(&s->head, path), "%s: %s is not a path of a URL, from / on",
			path, utf8_quote(l->a, http, SHOWN));
}

static void check_console(struct load *l, const struct vm_spec *s)
{
	char why[128];
	regex_t compiled;
	int rc;

	if (!s->ready.console || check_inherited(&s->head, "ready.console"))
		return;
	rc = regcomp(&compiled, s->ready.console, REG_EXTENDED | REG_NOSUB);
	if (!rc) {
		regfree(&compiled);
		return;
	}
	regerror(rc, &compiled, why, sizeof(why));
	load_error(l, field_pos(&s->head, "ready.console"),
		"ready.console: %s is not an extended regular expression: %s",
		utf8_quote(l->a, s->ready.console, SHOWN), why);
}

static void check_probe(struct load *l, const struct vm_spec *s, const char *of,
	const struct probe_spec *p)
{
	const char *exec = arena_printf(l->a, "%s.exec", of);

	check_one_probe(l, s, of, p);
	check_http(l, s, arena_printf(l->a, "%s.http", of), p->http);
	if (p->exec.n && !*p->exec.v[0] && !check_inherited(&s->head, exec))
		load_error(l, field_pos(&s->head, exec), "%s: the name of the program is empty", exec);
}

static bool has_probe(const struct probe_spec *p)
{
	return p->tcp || p->http || p->port || p->exec.n || p->console;
}

void probes_check(struct load *l, const struct vm_spec *s)
{
	if (has_probe(&s->ready))
		check_probe(l, s, "ready", &s->ready);
	if (has_probe(&s->liveness))
		check_probe(l, s, "liveness", &s->liveness);
	check_console(l, s);
}
