/* fields_kernel.c - what can be said about a kernel.
 *
 * The kernel object is the bootable pair of kernel and initrd with the arguments that belong to it.
 * Any change makes another one; the VMs that use it restart (the cost of their edge, expand.c).
 */
#include "schema/field.h"

#include "schema/ociref.h"

#include <stddef.h>

static const char *const formats[] = {"auto", "elf", NULL};

static const struct field fields[] = {
	{.path = "file", .type = FIELD_PATH, .feeds = KIND_KERNEL, .change = CHANGE_REPLACE,
		.offset = offsetof(struct kernel_spec, file), .min = 1, .max = 4095,
		.example = "/boot/vmlinuz-6.1",
		.one_of = true, .absent = "the kernel is in an image",
		.help = "the kernel, a bzImage or an ELF file"},
	{.path = "oci", .type = FIELD_STRING, .feeds = KIND_KERNEL, .change = CHANGE_REPLACE,
		.offset = offsetof(struct kernel_spec, oci), .min = 1, .max = 456,
		.example = "registry.example.org/kernels/k61:1", .pattern = OCIREF_PATTERN,
		.one_of = true, .absent = "the kernel is a file",
		.help = "reference of an image that holds the kernel and its modules"},
	{.path = "format", .type = FIELD_ENUM, .feeds = KIND_KERNEL, .change = CHANGE_REPLACE,
		.offset = offsetof(struct kernel_spec, format), .choices = formats, .dflt = "auto",
		.absent = "auto: as its VMM takes it, for QEMU as it is",
		.help = "elf: a bzImage is unpacked to the ELF file in it, which is all that some VMMs load"},
	{.path = "modules", .type = FIELD_PATH, .feeds = KIND_KERNEL, .change = CHANGE_REPLACE,
		.offset = offsetof(struct kernel_spec, modules), .min = 1, .max = 4095,
		.example = "/lib/modules/6.1",
		.absent = "all drivers that a guest needs are built into the kernel",
		.help = "folder lib/modules/VERSION that the initrd takes its modules from"},
	{.path = "initrd", .type = FIELD_PATH, .feeds = KIND_KERNEL, .change = CHANGE_REPLACE,
		.offset = offsetof(struct kernel_spec, initrd), .min = 1, .max = 4095,
		.absent = "reconcile makes one out of modules",
		.help = "the initrd to boot with, instead of the one that reconcile makes; it has to start "
			"reconcile-guest as /init, or no VM becomes ready"},
	{.path = "args", .type = FIELD_STRING, .feeds = KIND_KERNEL, .change = CHANGE_LIVE,
		.offset = offsetof(struct kernel_spec, args), .min = 1, .max = 1499,
		.example = "quiet panic=5",
		.pattern = "^(?!(.* )?(root|init|rdinit)=)",
		.absent = "nothing is added", .help = "added to the kernel command line; VMs that use it are restarted"},
};

const struct noun noun_kernel = {
	.key = "kernels",
	.singular = "kernel",
	.kind = KIND_KERNEL,
	.help = "a Linux kernel with the modules that its guests need",
	.fields = fields,
	.n_fields = sizeof(fields) / sizeof(fields[0]),
	.size = sizeof(struct kernel_spec),
};
