/* boot_record.c - what the guest has to know at boot. */
#include "drivers/vmm/boot_record.h"

#include "drivers/guest/proto.h"
#include "schema/base/json.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define HEADER_SIZE 17
#define BLOCK 4096

/* What docker run gives a process whose image names no PATH. */
#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* QEMU's user network is the same in every VM: it is a world of its own (qemu(1), "-netdev user"). */
#define NET_ADDRESS "10.0.2.15/24"
#define NET_GATEWAY "10.0.2.2"
#define NET_DNS "10.0.2.3"
#define NET_MTU 1500

static const char *const inits[] = {"auto", "builtin", "image"};

/* ---- the image's configuration ---------------------------------------------------------- */

/* Member that is a list of strings; absent and null are an empty list. */
static int config_list(const json_t *config, const char *key, const json_t **out, struct err *e)
{
	const json_t *list = json_object_get(config, key), *item;
	size_t i;

	*out = NULL;
	if (!list || json_is_null(list))
		return 0;
	if (!json_is_array(list))
		return err_set(e, ERR_CONTENT, "the image's configuration: \"%s\" is not a list",
			key);
	json_array_foreach(list, i, item)
		if (!json_is_string(item))
			return err_set(e, ERR_CONTENT,
				"the image's configuration: an entry of \"%s\" is not a string", key);
	*out = list;
	return 0;
}

static int config_string(const json_t *config, const char *key, const char **out, struct err *e)
{
	const json_t *text = json_object_get(config, key);

	*out = "";
	if (!text || json_is_null(text))
		return 0;
	if (!json_is_string(text))
		return err_set(e, ERR_CONTENT, "the image's configuration: \"%s\" is not a string",
			key);
	*out = json_string_value(text);
	return 0;
}

/* ---- merging ---------------------------------------------------------------------------- */

static void append_strv(json_t *list, const struct strv *l)
{
	for (size_t i = 0; i < l->n; i++)
		json_array_append_new(list, json_string(l->v[i]));
}

/* command replaces both Entrypoint and Cmd; without it the two are put together. */
static int merge_argv(const json_t *config, const struct vm_spec *vm, json_t *out, struct err *e)
{
	const json_t *entrypoint, *cmd;

	if (config_list(config, "Entrypoint", &entrypoint, e) < 0 ||
		config_list(config, "Cmd", &cmd, e) < 0)
		return -1;
	if (vm->command.n) {
		append_strv(out, &vm->command);
		return 0;
	}
	if (entrypoint)
		json_array_extend(out, (json_t *)entrypoint);
	if (cmd)
		json_array_extend(out, (json_t *)cmd);
	return 0;
}

/* Bytes of the name with its '='; 0 when there is none. */
static size_t env_name(const char *entry)
{
	const char *eq = strchr(entry, '=');

	return eq && eq != entry ? (size_t)(eq + 1 - entry) : 0;
}

/* Set one NAME=value in place of an earlier one of that name. */
static void env_set(json_t *list, const char *entry)
{
	size_t n = env_name(entry), i;
	json_t *old;

	if (!n)
		return;
	json_array_foreach(list, i, old) {
		if (strncmp(json_string_value(old), entry, n) != 0)
			continue;
		json_array_set_new(list, i, json_string(entry));
		return;
	}
	json_array_append_new(list, json_string(entry));
}

/* An entry of the spec as the guest gets it: of a secret its text instead of its marker. */
static const char *env_entry(const struct vm_spec *vm, const char *entry)
{
	size_t n = env_name(entry);

	for (size_t i = 0; i < vm->secrets.n; i++)
		if (!strncmp(vm->secrets.v[i], entry, n))
			return vm->secrets.v[i];
	return entry;
}

static int merge_env(const json_t *config, const struct boot_input *in, json_t *out, struct err *e)
{
	const struct vm_spec *vm = in->vm;
	const json_t *env, *item;
	size_t i;

	if (config_list(config, "Env", &env, e) < 0)
		return -1;
	env_set(out, DEFAULT_PATH);
	json_array_foreach(env, i, item)
		env_set(out, json_string_value(item));
	for (i = 0; i < vm->env.n; i++)
		env_set(out, in->secrets ? env_entry(vm, vm->env.v[i]) : vm->env.v[i]);
	return 0;
}

/* A folder that is not absolute is meant from the root, as docker does it. */
static const char *merge_cwd(struct arena *a, const char *image, const char *vm)
{
	const char *cwd = vm ? vm : image;

	if (!*cwd)
		return "/";
	return *cwd == '/' ? cwd : arena_printf(a, "/%s", cwd);
}

/* "SIGTERM", "TERM", "SIGRTMIN+3" or a number. */
static int check_signal(const char *text, struct err *e)
{
	size_t n = strlen(text);

	for (const char *p = text; *p; p++)
		if (!isalnum((unsigned char)*p) && *p != '+' && *p != '-')
			n = SIZE_MAX;
	if (n > 16)
		return err_set(e, ERR_CONTENT,
			"the image's configuration: \"StopSignal\" is not a signal");
	return 0;
}

/* What the guest has to know of an interface; the rest is the host's affair. */
static int add_interfaces(json_t *out, const char *nics, struct err *e)
{
	static const char *const members[] = {"mac", "address", "gateway", "mtu", "dns"};
	_cleanup_json_ json_t *list = NULL;
	json_t *nic;
	size_t i;

	if (json_parse(nics, strlen(nics), "the interfaces of the VM", &list, e) < 0)
		return -1;
	json_array_foreach(list, i, nic) {
		json_t *one = json_object();

		for (size_t k = 0; k < sizeof(members) / sizeof(members[0]); k++)
			json_object_set(one, members[k], json_object_get(nic, members[k]));
		json_array_append_new(out, one);
	}
	return 0;
}

static json_t *network(const char *mac)
{
	json_t *nics = json_array();

	if (mac)
		json_array_append_new(nics, json_pack("{s:s, s:s, s:s, s:i, s:[s]}", "mac", mac,
			"address", NET_ADDRESS, "gateway", NET_GATEWAY, "mtu", NET_MTU, "dns",
			NET_DNS));
	return nics;
}

static int fill(struct arena *a, const struct boot_input *in, const json_t *config, json_t *record,
	struct err *e)
{
	const struct vm_spec *vm = in->vm;
	const char *cwd, *user, *stop;
	json_t *argv = json_array(), *env = json_array();

	json_object_set_new(record, "argv", argv);
	json_object_set_new(record, "env", env);
	if (merge_argv(config, vm, argv, e) < 0 || merge_env(config, in, env, e) < 0 ||
		config_string(config, "WorkingDir", &cwd, e) < 0 ||
		config_string(config, "User", &user, e) < 0 ||
		config_string(config, "StopSignal", &stop, e) < 0 || check_signal(stop, e) < 0)
		return -1;
	json_object_set_new(record, "cwd", json_string(merge_cwd(a, cwd, vm->workdir)));
	json_object_set_new(record, "user", json_string(vm->user ? vm->user : user));
	json_object_set_new(record, "stop_signal", json_string(*stop ? stop : "SIGTERM"));
	json_object_set_new(record, "stop_grace_ms",
		json_integer((json_int_t)vm->stop_timeout_ms));
	json_object_set_new(record, "net", network(in->mac));
	if (in->nics && add_interfaces(json_object_get(record, "net"), in->nics, e) < 0)
		return -1;
	json_object_set_new(record, "power", json_string("off"));
	return 0;
}

int boot_record_text(struct arena *a, const struct boot_input *in, const char **out, struct err *e)
{
	_cleanup_json_ json_t *config = NULL, *record = NULL;
	const char *name = in->vm->head.name;

	if (in->config && *in->config &&
		json_parse(in->config, strlen(in->config), "the image's configuration", &config,
			e) < 0)
		return -1;
	if (config && !json_is_object(config))
		return err_set(e, ERR_CONTENT, "the image's configuration is not an object");
	record = json_pack("{s:i, s:s, s:s, s:s, s:s, s:s}", "v", GUEST_RECORD_VERSION, "vm", name,
		"instance", in->instance, "nonce", in->nonce, "hostname", name, "init",
		inits[in->vm->init <= INIT_IMAGE ? in->vm->init : INIT_AUTO]);
	if (!record)
		return err_set(e, ERR_FAILED, "cannot make the boot record: text is not UTF-8");
	if (fill(a, in, config, record, e) < 0)
		return -1;
	*out = json_text(a, record);
	return 0;
}

int boot_record_file(struct arena *a, const char *text, char **data, size_t *n, struct err *e)
{
	size_t len = strlen(text), size = (HEADER_SIZE + len + BLOCK - 1) / BLOCK * BLOCK;
	char header[HEADER_SIZE + 1];

	if (size > (size_t)GUEST_BOOT_MAX)
		return err_set(e, ERR_LIMIT,
			"command, environment and image configuration take %zu bytes, "
			"%d are possible", len, GUEST_BOOT_MAX - HEADER_SIZE);
	snprintf(header, sizeof(header), GUEST_BOOT_MAGIC "%08zx\n", len);
	*data = arena_alloc(a, size);
	*n = size;
	memcpy(*data, header, HEADER_SIZE);
	memcpy(*data + HEADER_SIZE, text, len);
	return 0;
}
