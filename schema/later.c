/* later.c - the tables of fields that no driver does yet; see later.h. */
#include "schema/later.h"

#include <string.h>

#define KIB 1024ll
#define MIB (1024ll * KIB)
#define TIB (1024ll * 1024 * MIB)
#define SECOND 1000ll
#define HOUR (3600ll * SECOND)
#define ABSENT_NO_LIMIT "no limit"

static const char *const keep_delete[] = {"keep", "delete", NULL};
static const char *const directions[] = {"to_guest", "from_guest", NULL};
static const char *const strategies[] = {"in_place", "rolling", "blue_green", NULL};
static const char *const file_systems[] = {"ext4", NULL};

static const struct field image_rows[] = {
	{.path = "labels", .type = FIELD_LABELS, .feeds = KIND_IMAGE, .change = CHANGE_LIVE,
		.max = 64, .absent = "it has none", .help = "names and values for people and programs"},
};

static const struct field kernel_rows[] = {
	{.path = "labels", .type = FIELD_LABELS, .feeds = KIND_KERNEL, .change = CHANGE_LIVE,
		.max = 64, .absent = "it has none", .help = "names and values for people and programs"},
};

static const struct field network_rows[] = {
	{.path = "bridge", .type = FIELD_STRING, .feeds = KIND_N, .change = CHANGE_REPLACE,
		.min = 1, .max = 15, .example = "br-lab", .pattern = "^[A-Za-z0-9][A-Za-z0-9_.-]*$",
		.absent = "a bridge of its own is made",
		.help = "a bridge that is there and is used, an interface name of this host"},
};

static const struct field volume_rows[] = {
	{.path = "size", .type = FIELD_SIZE, .feeds = KIND_N, .change = CHANGE_DATA_LOSS,
		.min = 16 * MIB, .max = 16 * TIB, .step = MIB, .example = "20GiB", .required = true,
		.absent = "an error: every volume needs one",
		.help = "size of the disk; it can grow, making it smaller loses what is on it"},
	{.path = "file_system", .type = FIELD_ENUM, .feeds = KIND_N, .change = CHANGE_DATA_LOSS,
		.choices = file_systems, .dflt = "ext4", .absent = "ext4",
		.help = "what it is made with"},
	{.path = "on_delete", .type = FIELD_ENUM, .feeds = KIND_N, .change = CHANGE_LIVE,
		.choices = keep_delete, .dflt = "keep", .absent = "keep",
		.help = "what becomes of it when the spec does not name it any more"},
};

static const struct field vm_rows[] = {
	{.path = "memory.size", .type = FIELD_SIZE, .feeds = KIND_VM, .change = CHANGE_LIVE,
		.min = 32 * MIB, .max = TIB, .step = MIB, .example = "1GiB",
		.absent = "256MiB", .help = "size of its memory; up to max it changes while it runs"},
	{.path = "memory.max", .type = FIELD_SIZE, .feeds = KIND_VM, .change = CHANGE_RESTART,
		.min = 32 * MIB, .max = TIB, .step = MIB, .example = "2GiB",
		.absent = "memory has one size", .help = "how large its memory can become without a restart"},
	{.path = "mac", .type = FIELD_MAC, .feeds = KIND_VM, .change = CHANGE_RESTART,
		.example = "02:00:00:12:34:56", .absent = "one is made and kept",
		.help = "MAC address of its only interface"},
	{.path = "ports[]", .type = FIELD_PORTS, .feeds = KIND_VM, .change = CHANGE_LIVE,
		.example = "\"8080:80\"", .absent = "no port of this host leads to it",
		.help = "ports of this host that lead to ports of the guest"},
	{.path = "vsock.ports.*.host", .type = FIELD_STRING, .feeds = KIND_VM, .change = CHANGE_LIVE,
		.min = 1, .max = 64, .example = "pg.sock", .pattern = "^[A-Za-z0-9_][A-Za-z0-9_.-]*$",
		.absent = "exec says what answers",
		.help = "name of a socket in the VM's runtime folder"},
	{.path = "vsock.ports.*.exec[]", .type = FIELD_STRING, .feeds = KIND_VM,
		.change = CHANGE_LIVE, .min = 0, .max = 4095, .example = "/usr/bin/systemd-cat",
		.absent = "host says what answers",
		.help = "program of this host that is started for each connection, no shell"},
	{.path = "vsock.ports.*.direction", .type = FIELD_ENUM, .feeds = KIND_VM,
		.change = CHANGE_LIVE, .choices = directions, .dflt = "to_guest",
		.absent = "to_guest", .help = "who connects to whom"},
	{.path = "volumes.*.size", .type = FIELD_SIZE, .feeds = KIND_VM, .change = CHANGE_DATA_LOSS,
		.min = 16 * MIB, .max = 16 * TIB, .step = MIB, .example = "20GiB",
		.absent = "a volume under volumes of that name",
		.help = "size of a disk that outlives the VM's own; making it smaller loses what is on it"},
	{.path = "volumes.*.mount", .type = FIELD_STRING, .feeds = KIND_VM, .change = CHANGE_RESTART,
		.min = 1, .max = 4095, .example = "/var/lib/postgresql", .pattern = "^/",
		.absent = "it is not mounted", .help = "folder in the guest that it is mounted on"},
	{.path = "volumes.*.read_only", .type = FIELD_BOOL, .feeds = KIND_VM,
		.change = CHANGE_RESTART, .dflt = "false", .absent = "false",
		.help = "whether the guest may only read it"},
	{.path = "volumes.*.on_delete", .type = FIELD_ENUM, .feeds = KIND_VM, .change = CHANGE_LIVE,
		.choices = keep_delete, .dflt = "keep", .absent = "keep",
		.help = "what becomes of it when the VM is deleted"},
	{.path = "file_sync[].from", .type = FIELD_STRING, .feeds = KIND_VM, .change = CHANGE_LIVE,
		.min = 1, .max = 4095, .example = "./site", .required = true,
		.absent = "an error: every file_sync needs one",
		.help = "file or folder of this host, from the folder of the spec file"},
	{.path = "file_sync[].to", .type = FIELD_STRING, .feeds = KIND_VM, .change = CHANGE_LIVE,
		.min = 1, .max = 4095, .example = "/srv/www", .pattern = "^/", .required = true,
		.absent = "an error: every file_sync needs one", .help = "where it goes in the guest"},
	{.path = "file_sync[].owner", .type = FIELD_STRING, .feeds = KIND_VM, .change = CHANGE_LIVE,
		.min = 1, .max = 128, .example = "\"33:33\"", .absent = "0:0",
		.help = "owner there: USER[:GROUP]"},
	{.path = "file_sync[].mode", .type = FIELD_STRING, .feeds = KIND_VM, .change = CHANGE_LIVE,
		.min = 3, .max = 4, .example = "\"0644\"", .pattern = "^[0-7]{3,4}$",
		.absent = "the mode here", .help = "permissions there, in octal digits"},
	{.path = "file_sync[].exclude[]", .type = FIELD_STRING, .feeds = KIND_VM,
		.change = CHANGE_LIVE, .min = 1, .max = 4095, .example = "\"*.tmp\"",
		.absent = "everything goes", .help = "names that stay here, as in .gitignore"},
	{.path = "file_sync[].delete", .type = FIELD_BOOL, .feeds = KIND_VM, .change = CHANGE_LIVE,
		.dflt = "false", .absent = "false",
		.help = "whether files there that are not here are removed"},
	{.path = "file_sync[].on_change.exec[]", .type = FIELD_STRING, .feeds = KIND_VM,
		.change = CHANGE_LIVE, .min = 0, .max = 4095, .example = "nginx",
		.absent = "nothing is run", .help = "program to run in the guest after a change, no shell"},
	{.path = "limits.cpu", .type = FIELD_U32, .feeds = KIND_VM, .change = CHANGE_LIVE, .min = 1,
		.max = 3200, .example = "150", .absent = ABSENT_NO_LIMIT,
		.help = "processor time of the whole VM, in percent of one processor"},
	{.path = "limits.memory", .type = FIELD_SIZE, .feeds = KIND_VM, .change = CHANGE_LIVE,
		.min = 32 * MIB, .max = 2 * TIB, .step = MIB, .example = "2GiB",
		.absent = "memory and what the VMM needs", .help = "memory of this host that the VM may take"},
	{.path = "limits.disk_read", .type = FIELD_SIZE, .feeds = KIND_VM, .change = CHANGE_LIVE,
		.min = 64 * KIB, .max = TIB, .example = "100MiB", .absent = ABSENT_NO_LIMIT,
		.help = "bytes a second that it reads from its disks"},
	{.path = "limits.disk_write", .type = FIELD_SIZE, .feeds = KIND_VM, .change = CHANGE_LIVE,
		.min = 64 * KIB, .max = TIB, .example = "100MiB", .absent = ABSENT_NO_LIMIT,
		.help = "bytes a second that it writes to its disks"},
	{.path = "limits.disk_iops", .type = FIELD_U32, .feeds = KIND_VM, .change = CHANGE_LIVE,
		.min = 10, .max = 10000000, .example = "1000", .absent = ABSENT_NO_LIMIT,
		.help = "operations a second on its disks"},
	{.path = "limits.net_in", .type = FIELD_SIZE, .feeds = KIND_VM, .change = CHANGE_LIVE,
		.min = 8 * KIB, .max = TIB, .example = "10MiB", .absent = ABSENT_NO_LIMIT,
		.help = "bytes a second that it receives"},
	{.path = "limits.net_out", .type = FIELD_SIZE, .feeds = KIND_VM, .change = CHANGE_LIVE,
		.min = 8 * KIB, .max = TIB, .example = "10MiB", .absent = ABSENT_NO_LIMIT,
		.help = "bytes a second that it sends"},
	{.path = "update.strategy", .type = FIELD_ENUM, .feeds = KIND_VM, .change = CHANGE_LIVE,
		.choices = strategies, .dflt = "in_place", .absent = "in_place",
		.help = "how a VM that is replaced gives way to the new one"},
	{.path = "update.max_unavailable", .type = FIELD_U32, .feeds = KIND_VM,
		.change = CHANGE_LIVE, .min = 1, .max = 1000, .dflt = "1", .absent = "1",
		.help = "how many replicas may be down at once while they are updated"},
};

#define TABLE(rows) .fields = (rows), .n_fields = sizeof(rows) / sizeof((rows)[0])

static const struct noun later_image = {.key = "images", .singular = "image", .kind = KIND_IMAGE,
	.help = "an image", TABLE(image_rows)};
static const struct noun later_kernel = {.key = "kernels", .singular = "kernel",
	.kind = KIND_KERNEL, .help = "a kernel", TABLE(kernel_rows)};
static const struct noun later_network = {.key = "networks", .singular = "network",
	.kind = KIND_NETWORK, .help = "a network of VMs on this host", TABLE(network_rows)};
static const struct noun later_volume = {.key = "volumes", .singular = "volume", .kind = KIND_N,
	.help = "a disk that belongs to no single VM", TABLE(volume_rows)};
static const struct noun later_vm = {.key = "vms", .singular = "vm", .kind = KIND_VM,
	.help = "a VM", TABLE(vm_rows)};

const struct noun *const later_nouns[] = {&later_image, &later_kernel, &later_network,
	&later_volume, &later_vm};
const size_t later_count = sizeof(later_nouns) / sizeof(later_nouns[0]);

bool later_is(const struct noun *noun)
{
	return noun && later_find(noun->key) == noun;
}

const struct noun *later_find(const char *key)
{
	for (size_t i = 0; i < later_count; i++)
		if (!strcmp(later_nouns[i]->key, key))
			return later_nouns[i];
	return NULL;
}
