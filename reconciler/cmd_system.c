/* cmd_system.c - make reconcile a service of this host, look at it, and take that away again.
 *
 * What belongs on the host is a table of files (system_files.h) and a table of programs to run after they
 * were written. Both are idempotent. VMs, state, the user and its group stay whatever is done here: units do
 * not hold VMs (KillMode=process), and who removes a user hands its uid to the next one.
 */
#include "reconciler/document.h"
#include "reconciler/print.h"
#include "reconciler/session.h"
#include "reconciler/system_files.h"

#include "drivers/sys/capture.h"
#include "reconciler/engine/home.h"
#include "schema/base/fd.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RUN_TIMEOUT_MS 120000
#define SHOW_MAX 8192
#define FILES_MAX 16
#define STATE_DIR "/var/lib/reconcile"

struct system {
	struct cli *c;
	struct system_place place;
	enum system_state states[FILES_MAX];
	const char *texts[FILES_MAX];
	size_t n_changes;
};

/* ---- programs of the host ------------------------------------------------------------------------ */

static const char *const after_install[][7] = {
	{"/usr/bin/systemd-sysusers", "/etc/sysusers.d/reconcile.conf"},
	{"/usr/bin/systemd-tmpfiles", "--create", "/etc/tmpfiles.d/reconcile.conf"},
	{"/usr/bin/systemctl", "daemon-reload"},
	{"/usr/bin/systemctl", "enable", "--now", "--quiet", "reconcile-helper.socket"},
	{"/usr/bin/systemctl", "enable", "--now", "--quiet", "reconcile.service"},
	/* Who ran before runs what was installed now; no guest notices. */
	{"/usr/bin/systemctl", "try-restart", "reconcile-helper.service", "reconcile.service"},
};

static const char *const before_uninstall[][7] = {
	{"/usr/bin/systemctl", "disable", "--now", "--quiet", "reconcile.service"},
	{"/usr/bin/systemctl", "disable", "--now", "--quiet", "reconcile-helper.socket"},
	{"/usr/bin/systemctl", "stop", "reconcile-helper.service"},
};

static const char *const after_uninstall[][7] = {
	{"/usr/bin/systemctl", "daemon-reload"},
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static int run_program(struct system *s, const char *const *argv, char **text, struct err *e)
{
	static const char *const env[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "SYSTEMD_PAGER=", NULL};
	const struct capture what = {.argv = argv, .envp = env, .folder = "/", .max = SHOW_MAX,
		.timeout_ms = RUN_TIMEOUT_MS};
	size_t n;

	return capture_run(&s->c->arena, &what, text, &n, e);
}

/* Nothing is started for a folder that only stands for a host. */
static int run_all(struct system *s, const char *const (*programs)[7], size_t n, struct err *e)
{
	char *ignored;

	for (size_t i = 0; !s->c->root && i < n; i++)
		if (run_program(s, programs[i], &ignored, e) < 0)
			return -1;
	return 0;
}

/* ---- looking --------------------------------------------------------------------------------------- */

/* Where the programs are, so that units name them. Templates lie beside the helper programs. */
static int open_place(struct system *s, struct err *e)
{
	struct arena *a = &s->c->arena;
	char self[PATH_MAX], dir[PATH_MAX];
	const ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n < 0)
		return err_sys(e, errno, "cannot tell where this program is");
	self[n] = '\0';
	if (!realpath(home_program_dir(a), dir))
		return err_sys(e, errno, "cannot find the helper programs");
	s->place.reconcile = arena_dup(a, self);
	s->place.program_dir = arena_dup(a, dir);
	s->place.templates = arena_printf(a, "%s/systemd", dir);
	s->place.root_fd = open(s->c->root ? s->c->root : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->place.root_fd < 0)
		return err_sys(e, errno, "cannot open %s", s->c->root ? s->c->root : "/");
	return 0;
}

static int look(struct system *s, struct err *e)
{
	_Static_assert(FILES_MAX >= 7, "a place for each row");

	if (open_place(s, e) < 0)
		return -1;
	for (size_t i = 0; i < system_file_count; i++)
		if (system_look(&s->c->arena, &s->place, &system_files[i], &s->states[i], &s->texts[i], e) < 0) {
			if (e->kind == ERR_NOINPUT)
				err_hint(e, "reconcile as make install or a package puts it has them");
			return -1;
		}
	return 0;
}

/* Whether install writes a row, uninstall removes it. */
static bool is_written(enum system_state state)
{
	return state == SYSTEM_MISSING || state == SYSTEM_DIFFERS;
}

static bool is_removed(enum system_state state)
{
	return state == SYSTEM_SAME || state == SYSTEM_DIFFERS;
}

/* ---- showing --------------------------------------------------------------------------------------- */

static const char *action_of(bool installs, enum system_state state)
{
	if (installs)
		return state == SYSTEM_MISSING ? "create" : state == SYSTEM_DIFFERS ? "replace" : "-";
	return is_removed(state) ? "remove" : "-";
}

static void show_json(struct system *s, const char *verb, bool acted)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < system_file_count; i++)
		json_array_append_new(rows, json_pack("{s:s+, s:s, s:s?}", "file", "/", system_files[i].to,
			"state", system_state_name(s->states[i]), "action",
			verb ? action_of(verb[0] == 'i', s->states[i]) : NULL));
	document_set(s->c, json_pack("{s:o, s:b, s:i}", "files", rows, "changed", acted, "changes",
		(int)s->n_changes));
}

static void show(struct system *s, const char *verb, FILE *to)
{
	const size_t columns = verb ? 3 : 2;
	const char *cells[(FILES_MAX + 1) * 3] = {"FILE", "STATE", verb ? "ACTION" : NULL};

	for (size_t i = 0; i < system_file_count; i++) {
		const char **row = &cells[(i + 1) * columns];

		row[0] = arena_printf(&s->c->arena, "/%s", system_files[i].to);
		row[1] = system_state_name(s->states[i]);
		if (verb)
			row[2] = action_of(verb[0] == 'i', s->states[i]);
	}
	print_table(cells, system_file_count + 1, columns, false, to);
}

/* ---- install and uninstall ------------------------------------------------------------------------- */

/* What root made here as root the service's user could not read, and its VMs could not be reached. */
static int check_state(const struct system *s, struct err *e)
{
	struct stat st;
	DIR *d = s->c->root ? NULL : opendir(STATE_DIR);
	size_t n = 0;

	if (!d)
		return 0;
	while (readdir(d))
		n++;
	if (fstat(dirfd(d), &st) < 0)
		st.st_uid = (uid_t)-1;
	closedir(d);
	if (st.st_uid || n <= 2)
		return 0;
	err_set(e, ERR_GUARD, STATE_DIR " has state of root's own VMs; the service is user reconcile");
	return err_hint(e, "delete these VMs, or move the folder and go on with it by --state-dir");
}

static int may_install(const struct system *s, struct err *e)
{
	static const char *const programs[] = {"reconcile-worker", "reconcile-guest", "reconcile-helper"};

	if (s->c->root)
		return 0;
	if (geteuid())
		return err_set(e, ERR_DENIED, "only root can make a service of this host");
	if (system_trust(s->place.reconcile, e) < 0 || check_state(s, e) < 0)
		return -1;
	for (size_t i = 0; i < COUNT(programs); i++)
		if (system_trust(arena_printf(&s->c->arena, "%s/%s", s->place.program_dir, programs[i]),
			    e) < 0)
			return -1;
	return 0;
}

/* The plan, then the question. 0: go on; 1: there is nothing to do, or only to be shown. */
static int agree(struct system *s, const char *verb, struct err *e)
{
	struct cli *c = s->c;

	for (size_t i = 0; i < system_file_count; i++)
		s->n_changes += verb[0] == 'i' ? is_written(s->states[i]) : is_removed(s->states[i]);
	if (c->output != OUTPUT_JSON && (c->dry_run || !c->quiet))
		show(s, verb, c->dry_run ? stdout : stderr);
	if (c->dry_run)
		return 1;
	if (!s->n_changes || c->yes)
		return 0;
	if (isatty(STDIN_FILENO) && isatty(STDERR_FILENO))
		return session_ask(e) ? 0 : -1;
	err_set(e, ERR_GUARD, "%zu files of this host would change; nothing was done", s->n_changes);
	return err_hint(e, "look at the table above, then give --yes");
}

static int finish(struct system *s, const char *verb, bool acted, const char *words)
{
	if (s->c->output == OUTPUT_JSON)
		show_json(s, verb, acted);
	else if (acted && !s->c->quiet)
		puts(words);
	return 0;
}

static int install(struct system *s, struct err *e)
{
	int rc = may_install(s, e);

	if (!rc)
		rc = agree(s, "install", e);
	if (rc)
		return rc < 0 ? -1 : finish(s, "install", false, "");
	umask(022);
	for (size_t i = 0; i < system_file_count; i++)
		if (is_written(s->states[i]) &&
			system_write(&s->place, &system_files[i], s->texts[i], e) < 0)
			return -1;
	if (run_all(s, after_install, COUNT(after_install), e) < 0) {
		err_wrap(e, "the files are written, but not all is set up");
		return err_hint(e, "reconcile system install goes on from here");
	}
	return finish(s, "install", true, "Installed. The service begins when /etc/reconcile/vms.yaml is "
		"there: systemctl start reconcile");
}

static int uninstall(struct system *s, struct err *e)
{
	int rc = !s->c->root && geteuid() ? err_set(e, ERR_DENIED, "only root can do that") : 0;

	if (!rc)
		rc = agree(s, "uninstall", e);
	if (rc)
		return rc < 0 ? -1 : finish(s, "uninstall", false, "");
	if (s->n_changes && run_all(s, before_uninstall, COUNT(before_uninstall), e) < 0)
		return -1;
	for (size_t i = 0; i < system_file_count; i++)
		if (is_removed(s->states[i]) && system_remove(&s->place, &system_files[i], e) < 0)
			return -1;
	if (s->n_changes && run_all(s, after_uninstall, COUNT(after_uninstall), e) < 0)
		return -1;
	return finish(s, "uninstall", true, "Uninstalled. VMs run on; " STATE_DIR " and user reconcile are "
		"kept.");
}

/* ---- status ---------------------------------------------------------------------------------------- */

static const char *const units[] = {"reconcile-helper.socket", "reconcile-helper.service",
	"reconcile.service"};

/* What systemd says of a unit: "active", "inactive", or why it says nothing. */
static const char *unit_state(struct system *s, const char *unit)
{
	const char *const argv[] = {"/usr/bin/systemctl", "show", "--property=ActiveState", "--value", unit,
		NULL};
	struct err why = ERR_INIT;
	char *text;

	if (s->c->root || run_program(s, argv, &text, &why) < 0)
		return "unknown";
	text[strcspn(text, "\n")] = '\0';
	return text;
}

static int status(struct system *s, struct err *e)
{
	const char *cells[(COUNT(units) + 1) * 2] = {"UNIT", "STATE"};
	bool whole = true;

	(void)e;
	for (size_t i = 0; i < system_file_count; i++)
		whole &= !is_written(s->states[i]);
	if (s->c->output == OUTPUT_JSON) {
		show_json(s, NULL, false);
		return whole ? 0 : 1;
	}
	show(s, NULL, stdout);
	for (size_t i = 0; i < COUNT(units); i++) {
		cells[2 * i + 2] = units[i];
		cells[2 * i + 3] = unit_state(s, units[i]);
	}
	puts("");
	print_table(cells, COUNT(units) + 1, 2, false, stdout);
	return whole ? 0 : 1;
}

/* ---- all -------------------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	int (*run)(struct system *s, struct err *e);
} verbs[] = {
	{"install", install},
	{"status", status},
	{"uninstall", uninstall},
};

static int run(struct cli *c, struct err *e)
{
	struct system s = {.c = c, .place = {.root_fd = -1}};
	int rc = -1;

	for (size_t i = 0; c->args.n == 1 && i < COUNT(verbs); i++) {
		if (strcmp(c->args.v[0], verbs[i].name) != 0)
			continue;
		rc = look(&s, e) < 0 ? -1 : verbs[i].run(&s, e);
		fd_close(&s.place.root_fd);
		return rc;
	}
	err_set(e, ERR_USAGE, "system needs install, status or uninstall");
	return err_hint(e, "see: reconcile help system");
}

const struct cmd cmd_system = {
	.name = "system",
	.args = "install | status | uninstall",
	.caption = "make reconcile a service of this host",
	.help = "install writes the units of the daemon and of the root helper, makes the user reconcile and its\n"
		"folders, and enables both. It shows what it would write and asks; done again it changes\n"
		"nothing. /etc/reconcile/helper.conf is written once and is yours from then on. The programs\n"
		"have to be where only root can write.\n\n"
		"uninstall stops and removes the units. VMs run on, state and the user stay.\n"
		"status says how files and units are, and ends with 1 when something is missing or differs.\n\n"
		"  reconcile system install --dry-run\n"
		"  reconcile system status",
	.root = true,
	.run = run,
};
