/* boot.c - the boot record: what this guest is to be. */
#include "drivers/guest/inside/boot.h"

#include "drivers/guest/inside/jsonlite.h"
#include "drivers/guest/inside/signame.h"
#include "drivers/guest/inside/sysfile.h"
#include "drivers/guest/proto.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEADER 17
#define NODES_MAX 65536
#define GRACE_DEFAULT_MS 10000
#define GRACE_MAX_MS (24 * 3600 * 1000)

void boot_empty(struct boot *out)
{
	*out = (struct boot){
		.vm = "", .instance = "", .nonce = "", .hostname = "", .cwd = "/", .user = "",
		.stop_signal = SIGTERM, .stop_grace_ms = GRACE_DEFAULT_MS,
	};
}

/* ---- the text --------------------------------------------------------------------------- */

static int wrong(struct why *w, const char *what)
{
	return why_set(w, 0, "boot record: %s", what);
}

static int parse_header(const char *record, size_t n, size_t *len, struct why *w)
{
	size_t value = 0;

	if (n < HEADER || memcmp(record, GUEST_BOOT_MAGIC, 8) != 0)
		return wrong(w, "it does not begin with RCBOOT1");
	for (int i = 8; i < 16; i++) {
		char c = record[i];

		if (c >= '0' && c <= '9')
			value = value << 4 | (size_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			value = value << 4 | (size_t)(c - 'a' + 10);
		else
			return wrong(w, "its length is not 8 hex digits");
	}
	if (record[16] != '\n' || !value || value > GUEST_BOOT_MAX)
		return wrong(w, "its length is out of range");
	*len = value;
	return 0;
}

/* A string member; *out stays as it is when there is none. */
static int get_str(const struct jsonlite_node *map, const char *key, const char **out,
	struct why *w)
{
	const struct jsonlite_node *v = jsonlite_get(map, key);

	if (!v)
		return 0;
	if (v->type != JSONLITE_STR)
		return why_set(w, 0, "boot record: \"%s\" is not a string", key);
	*out = v->str;
	return 0;
}

static int get_strv(const struct jsonlite_node *map, const char *key, const char ***out,
	size_t *count, struct why *w)
{
	const struct jsonlite_node *list = jsonlite_get(map, key);
	int n = jsonlite_strings(list);

	if (n < 0)
		return why_set(w, 0, "boot record: \"%s\" is not a list of strings", key);
	*out = calloc((size_t)n + 1, sizeof(**out));
	if (!*out)
		return why_set(w, ENOMEM, "boot record");
	jsonlite_strv(list, *out);
	*count = (size_t)n;
	return 0;
}

/* The name goes into /etc/hostname and /etc/hosts. */
static bool is_hostname(const char *s)
{
	size_t n = strlen(s);

	return n <= 64 && *s != '-' && *s != '.' &&
		strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.") == n;
}

static int parse_choices(const struct jsonlite_node *map, struct boot *b, struct why *w)
{
	const char *init = "auto", *power = "off", *sig = "SIGTERM";
	int64_t grace = jsonlite_int(map, "stop_grace_ms", GRACE_DEFAULT_MS);

	if (get_str(map, "init", &init, w) < 0 || get_str(map, "power", &power, w) < 0 ||
		get_str(map, "stop_signal", &sig, w) < 0)
		return -1;
	if (!strcmp(init, "builtin"))
		b->init = BOOT_INIT_BUILTIN;
	else if (!strcmp(init, "image"))
		b->init = BOOT_INIT_IMAGE;
	else if (strcmp(init, "auto") != 0)
		return wrong(w, "\"init\" is none of auto, builtin, image");
	if (strcmp(power, "off") != 0 && strcmp(power, "reboot") != 0)
		return wrong(w, "\"power\" is neither off nor reboot");
	b->reboot = *power == 'r';
	b->stop_signal = signame_parse(*sig ? sig : "SIGTERM");
	if (!b->stop_signal)
		return wrong(w, "\"stop_signal\" is not a signal");
	if (grace < 0 || grace > GRACE_MAX_MS)
		return wrong(w, "\"stop_grace_ms\" is out of range");
	b->stop_grace_ms = (uint32_t)grace;
	return 0;
}

static int parse_net(const struct jsonlite_node *map, struct boot_net *net, struct why *w)
{
	const struct jsonlite_node *dns = jsonlite_get(map, "dns");
	int64_t mtu = jsonlite_int(map, "mtu", 0);
	int n = jsonlite_strings(dns);

	if (map->type != JSONLITE_MAP)
		return wrong(w, "\"net\" is not a list of maps");
	if (get_str(map, "mac", &net->mac, w) < 0 || get_str(map, "address", &net->address, w) < 0 ||
		get_str(map, "gateway", &net->gateway, w) < 0)
		return -1;
	if (!net->mac)
		return wrong(w, "a network has no \"mac\"");
	if (net->address && !*net->address)
		net->address = NULL;
	if (net->gateway && !*net->gateway)
		net->gateway = NULL;
	if (mtu < 0 || mtu > 65535)
		return wrong(w, "\"mtu\" is out of range");
	if (n < 0 || n > BOOT_DNS_MAX)
		return wrong(w, "\"dns\" is not a list of at most 4 addresses");
	net->mtu = (uint32_t)mtu;
	for (int i = 0; i < n; i++)
		net->dns[net->n_dns++] = dns[1 + i].str;
	return 0;
}

static int parse_nets(const struct jsonlite_node *map, struct boot *b, struct why *w)
{
	const struct jsonlite_node *list = jsonlite_get(map, "net"), *net;

	if (!list)
		return 0;
	if (list->type != JSONLITE_LIST || list->len > BOOT_NETS_MAX)
		return wrong(w, "\"net\" is not a list of at most 8 networks");
	net = list + 1;
	for (uint32_t i = 0; i < list->len; i++, net += net->span)
		if (parse_net(net, &b->net[b->n_net++], w) < 0)
			return -1;
	return 0;
}

static int parse_map(const struct jsonlite_node *map, struct boot *b, struct why *w)
{
	size_t n_env;

	if (map->type != JSONLITE_MAP || jsonlite_int(map, "v", 0) != GUEST_RECORD_VERSION)
		return wrong(w, "it is not of version 1; host and guest programs do not fit together");
	if (get_str(map, "vm", &b->vm, w) < 0 || get_str(map, "instance", &b->instance, w) < 0 ||
		get_str(map, "nonce", &b->nonce, w) < 0 ||
		get_str(map, "hostname", &b->hostname, w) < 0 ||
		get_str(map, "cwd", &b->cwd, w) < 0 || get_str(map, "user", &b->user, w) < 0)
		return -1;
	if (!is_hostname(b->hostname))
		return wrong(w, "\"hostname\" is not a host name");
	if (strlen(b->nonce) > 64)
		return wrong(w, "\"nonce\" is too long");
	if (!*b->cwd)
		b->cwd = "/";
	if (*b->cwd != '/')
		return wrong(w, "\"cwd\" is not an absolute path");
	if (parse_choices(map, b, w) < 0 || parse_nets(map, b, w) < 0)
		return -1;
	return get_strv(map, "argv", &b->argv, &b->argc, w) < 0 ||
		get_strv(map, "env", &b->env, &n_env, w) < 0 ? -1 : 0;
}

int boot_parse(char *record, size_t n, struct boot *out, struct why *w)
{
	struct jsonlite_node *nodes;
	struct boot b;
	size_t len = 0;
	int rc;

	if (parse_header(record, n, &len, w) < 0)
		return -1;
	if (len > n - HEADER)
		return wrong(w, "it is shorter than it says");
	nodes = calloc(NODES_MAX, sizeof(*nodes));
	if (!nodes)
		return why_set(w, ENOMEM, "boot record");
	boot_empty(&b);
	rc = jsonlite_parse(record + HEADER, len, nodes, NODES_MAX) ? parse_map(nodes, &b, w)
		: wrong(w, "it is not valid JSON");
	free(nodes);
	if (rc < 0)
		boot_fini(&b);
	else
		*out = b;
	return rc;
}

/* ---- the device ------------------------------------------------------------------------- */

int boot_read(const char *path, const char *copy, struct boot *out, struct why *w)
{
	size_t n = 0;
	char *text = sysfile_read(path, HEADER + GUEST_BOOT_MAX, &n, w);

	if (!text)
		return -1;
	if (copy && sysfile_write(copy, text, n, 0600, w) < 0) {
		free(text);
		return -1;
	}
	if (boot_parse(text, n, out, w) < 0) {
		free(text);
		return -1;
	}
	out->text = text;
	out->size = n;
	return 0;
}

void boot_fini(struct boot *b)
{
	free(b->argv);
	free(b->env);
	free(b->text);
	boot_empty(b);
}
