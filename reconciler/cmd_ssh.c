/* cmd_ssh.c - a login in a guest through ssh(1), without a network between host and guest.
 *
 *	key     one for this state directory, made when it is first needed; its public half is added to the
 *	        authorized_keys of the user, through the agent
 *	way     ssh's ProxyCommand is an exec of ours that joins its two pipes with port 22 of the guest
 *	server  the host keys in /etc/ssh are read through the agent and are the only ones that count. A
 *	        server that keeps them elsewhere is believed: the way to it is the agent's, which is the
 *	        VM's by its place, so nobody can stand in between
 */
#include "reconciler/session.h"
#include "reconciler/vmstate.h"

#include "drivers/guest/agent.h"
#include "drivers/guest/proto.h"
#include "drivers/rundir.h"
#include "drivers/sys/capture.h"
#include "schema/base/fd.h"
#include "schema/base/text.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SSH "/usr/bin/ssh"
#define SSH_KEYGEN "/usr/bin/ssh-keygen"
#define KEY_FOLDER "ssh"
#define KEY_FILE "id_ed25519"
#define KNOWN_HOSTS "known_hosts"
#define KEY_MAX ((size_t)4096)
#define ASK_MS 30000

struct login {
	struct cli *c;
	const char *vm, *run, *user, *state_dir;
	const char *key_path, *public_key, *known_path;
	bool host_key_known;
};

/* ---- key ------------------------------------------------------------------------------------ */

static int make_key(struct login *l, const char *folder, struct err *e)
{
	const char *const argv[] = {SSH_KEYGEN, "-q", "-t", "ed25519", "-N", "", "-C",
		"reconcile", "-f", l->key_path, NULL};
	const struct capture what = {.argv = argv, .folder = folder, .max = 4096, .timeout_ms = ASK_MS};
	char *text;
	size_t n;

	if (access(SSH_KEYGEN, X_OK) < 0) {
		err_set(e, ERR_CONFIG, "%s is not installed", SSH_KEYGEN);
		return err_hint(e, "install the package openssh-client");
	}
	return capture_run(&l->c->arena, &what, &text, &n, e);
}

static int read_public_key(struct login *l, struct err *e)
{
	const char *path = arena_printf(&l->c->arena, "%s.pub", l->key_path);
	char *text;
	size_t n;

	if (file_read(&l->c->arena, AT_FDCWD, path, KEY_MAX, &text, &n, e) < 0)
		return -1;
	text[strcspn(text, "\r\n")] = '\0';
	l->public_key = text;
	return 0;
}

static int prepare_key(struct login *l, struct err *e)
{
	const char *folder = arena_printf(&l->c->arena, "%s/" KEY_FOLDER, l->state_dir);

	l->key_path = arena_printf(&l->c->arena, "%s/" KEY_FILE, folder);
	if (dir_make(AT_FDCWD, folder, 0700, e) < 0)
		return -1;
	if (access(l->key_path, R_OK) < 0 && make_key(l, folder, e) < 0)
		return err_wrap(e, "cannot make a key for ssh");
	return read_public_key(l, e);
}

/* ---- in the guest --------------------------------------------------------------------------- */

static void say_nothing(void *arg, size_t stream, const char *data, size_t n)
{
	(void)arg;
	(void)stream;
	(void)data;
	(void)n;
}

static int add_key(struct login *l, struct agent *agent, struct err *e)
{
	static const char script[] = "umask 077; f=$HOME/.ssh/authorized_keys; mkdir -p \"$HOME/.ssh\" && "
		"touch \"$f\" && { grep -qxF -- \"$1\" \"$f\" || echo \"$1\" >>\"$f\"; }";
	const char *const argv[] = {"/bin/sh", "-c", script, "-", l->public_key, NULL};
	const struct agent_exec x = {.argv = argv, .cwd = "/", .user = l->user, .stdin_fd = -1,
		.stdout_fd = -1, .stderr_fd = -1, .output = say_nothing, .timeout_ms = ASK_MS,
		.interrupt = &cli_cancel};
	int code = 0;

	if (agent_exec(agent, &x, &code, e) < 0)
		return -1;
	return code ? err_set(e, ERR_GUEST, "the key could not be added to the authorized_keys of user %s",
		l->user) : 0;
}

/* One line of known_hosts, when the text is a public key and nothing else. */
static void add_host_key(struct login *l, struct text *t, const char *key)
{
	size_t type = strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-@.");
	size_t data = key[type] == ' ' ? strspn(key + type + 1,
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/=") : 0;

	if (!type || !data)
		return;
	text_putf(t, "%s %.*s\n", l->vm, (int)(type + 1 + data), key);
	l->host_key_known = true;
}

static int know_host(struct login *l, struct agent *agent, struct err *e)
{
	static const char *const names[] = {"ed25519", "ecdsa", "rsa"};
	_cleanup_fd_ int dir = open(l->run, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct text t = {.a = &l->c->arena};
	const char *all;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *path = arena_printf(t.a, "/etc/ssh/ssh_host_%s_key.pub", names[i]);
		char *key;
		size_t n;

		if (agent_read_file(agent, t.a, path, KEY_MAX, &key, &n, NULL) == 0)
			add_host_key(l, &t, key);
	}
	all = text_end(&t);
	l->known_path = arena_printf(t.a, "%s/" KNOWN_HOSTS, l->run);
	if (dir < 0)
		return err_sys(e, errno, "cannot open folder %s", l->run);
	return file_replace(dir, KNOWN_HOSTS, all, strlen(all), 0600, e);
}

static int prepare_guest(struct login *l, struct err *e)
{
	_cleanup_agent_ struct agent *agent = NULL;

	if (agent_reach(l->run, (int64_t)l->c->timeout_ms, &cli_cancel, &agent, e) < 0)
		return -1;
	return add_key(l, agent, e) < 0 ? -1 : know_host(l, agent, e);
}

/* ---- ssh ------------------------------------------------------------------------------------ */

/* For the user's shell, which ssh gives the command to, and for ssh, which looks for %. */
static const char *quoted(struct arena *a, const char *s)
{
	struct text t = {.a = a};

	text_put(&t, "'");
	for (; *s; s++)
		text_put(&t, *s == '\'' ? "'\\''" : *s == '%' ? "%%" : arena_printf(a, "%c", *s));
	text_put(&t, "'");
	return text_end(&t);
}

static int proxy_command(struct login *l, const char **out, struct err *e)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n < 0)
		return err_sys(e, errno, "cannot find our own program");
	self[n] = '\0';
	*out = arena_printf(&l->c->arena, "ProxyCommand=%s --state-dir %s exec %s -- %s 22",
		quoted(&l->c->arena, self), quoted(&l->c->arena, l->state_dir), l->vm,
		GUEST_BUILTIN_DIAL);
	return 0;
}

static int run_ssh(struct login *l, struct err *e)
{
	struct arena *a = &l->c->arena;
	const char *proxy = NULL, *known = arena_printf(a, "UserKnownHostsFile=\"%s\"", l->known_path);
	VEC(const char *) argv = {0};
	struct proc_spec spec = {.path = SSH, .envp = (const char *const *)environ, .cwd_fd = AT_FDCWD,
		.stdin_fd = STDIN_FILENO, .stdout_fd = STDOUT_FILENO, .stderr_fd = STDERR_FILENO};
	_cleanup_fd_ int pidfd = -1, here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct proc_id id;
	int status;

	if (proxy_command(l, &proxy, e) < 0)
		return -1;
	const char *const fixed[] = {SSH, "-F", "none", "-i", l->key_path, "-o", "IdentitiesOnly=yes", "-o",
		"GlobalKnownHostsFile=none", "-o", known, "-o", "LogLevel=ERROR", "-o",
		l->host_key_known ? "StrictHostKeyChecking=yes" : "StrictHostKeyChecking=accept-new", "-o",
		proxy, "-l", l->user, "--", l->vm};
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		*vec_push(a, &argv) = fixed[i];
	for (size_t i = 1; i < l->c->args.n; i++)
		*vec_push(a, &argv) = l->c->args.v[i];
	*vec_push(a, &argv) = NULL;
	spec.argv = (const char *const *)argv.v;
	spec.cwd_fd = here;
	if (proc_spawn(&spec, &id, &pidfd, e) < 0)
		return err_hint(e, "install the package openssh-client");
	if (proc_reap(id.pid, pidfd, -1, &status, e) < 0)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int run(struct cli *c, struct err *e)
{
	struct login l = {.c = c, .user = c->user ? c->user : "root"};
	struct pass p = {0};
	const struct view *v;
	int rc;

	if (!c->args.n) {
		err_set(e, ERR_USAGE, "ssh: give a VM");
		return err_hint(e, "for example: reconcile ssh web");
	}
	rc = session_vm(c, &p, c->args.v[0], &v, e);
	l.vm = rc == 0 ? v->record->name : "";
	l.run = rc == 0 ? vmstate_fact(v, "run") : NULL;
	l.state_dir = rc == 0 ? p.home.host.state_dir : NULL;
	if (rc == 0 && (!v->observed.running || !l.run)) {
		rc = err_set(e, ERR_GUEST, "vm/%s is not running", l.vm);
		err_hint(e, "see: reconcile status %s", l.vm);
	}
	if (rc == 0 && (prepare_key(&l, e) < 0 || prepare_guest(&l, e) < 0))
		rc = err_wrap(e, "vm/%s", l.vm);
	pass_close(&p);
	return rc == 0 ? run_ssh(&l, e) : rc;
}

const struct cmd cmd_ssh = {
	.name = "ssh",
	.args = "VM [--] [COMMAND [ARG...]]",
	.caption = "log in to a VM whose image has an ssh server",
	.help = "Starts ssh(1) with a way to port 22 of the guest that needs no network: it goes through the agent.\n"
		"A key of this state directory is added to the user's authorized_keys, and the server has to have\n"
		"the host keys that are in /etc/ssh of the guest. The exit code is that of ssh.\n\n"
		"  reconcile ssh web\n"
		"  reconcile ssh -u admin web -- uptime",
	.run = run,
};
