/* fields_image.c - what can be said about an image.
 *
 * The image object is the flattened file system. Any change makes another file; what that costs the
 * disks made from it is the cost of their edge to the image (expand.c).
 */
#include "schema/field.h"
#include "schema/ociref.h"

#include <stddef.h>

#define MIB (1024ll * 1024)
#define TIB (1024ll * 1024 * MIB)

#define LAYOUT_PATTERN "^(?!.*:(?!" OCIREF_TAG "$)[^/:]*$)"

static const struct field fields[] = {
	{.path = "oci", .type = FIELD_STRING, .feeds = KIND_IMAGE, .change = CHANGE_REPLACE,
		.offset = offsetof(struct image_spec, oci), .min = 1, .max = 456,
		.example = "docker.io/library/debian:12",
		.pattern = OCIREF_PATTERN,
		.one_of = true, .absent = "the image is not from a registry",
		.help = "reference in a registry: [HOST[:PORT]/]PATH[:TAG][@DIGEST]"},
	{.path = "oci_layout", .type = FIELD_PATH, .feeds = KIND_IMAGE, .change = CHANGE_REPLACE,
		.offset = offsetof(struct image_spec, oci_layout), .min = 1, .max = 4095,
		.example = "./layout:v1",
		.pattern = LAYOUT_PATTERN,
		.one_of = true, .absent = "the image is not from a folder",
		.help = "folder in OCI image layout: PATH[:TAG]"},
	{.path = "oci_archive", .type = FIELD_PATH, .feeds = KIND_IMAGE, .change = CHANGE_REPLACE,
		.offset = offsetof(struct image_spec, oci_archive), .min = 1, .max = 4095,
		.example = "./image.tar:v1",
		.pattern = LAYOUT_PATTERN,
		.one_of = true, .absent = "the image is not from such a file",
		.help = "tar file of an OCI image layout, as skopeo and buildah write it: PATH[:TAG]"},
	{.path = "docker_archive", .type = FIELD_PATH, .feeds = KIND_IMAGE,
		.change = CHANGE_REPLACE,
		.offset = offsetof(struct image_spec, docker_archive), .min = 1, .max = 4095,
		.example = "./saved.tar",
		.pattern = LAYOUT_PATTERN,
		.one_of = true, .absent = "the image is not from such a file",
		.help = "tar file that docker save wrote: PATH[:TAG]"},
	{.path = "tar", .type = FIELD_PATH, .feeds = KIND_IMAGE, .change = CHANGE_REPLACE,
		.offset = offsetof(struct image_spec, tar), .min = 1, .max = 4095,
		.example = "./rootfs.tar.gz",
		.one_of = true, .absent = "the image is not from such a file",
		.help = "tar file of a root file system, as it is or packed by gzip or zstd"},
	{.path = "digest", .type = FIELD_DIGEST, .feeds = KIND_IMAGE, .change = CHANGE_REPLACE,
		.offset = offsetof(struct image_spec, digest), .min = 71, .max = 71,
		.absent = "what the tag points to when it is looked up",
		.help = "the manifest (docker_archive: the image ID, tar: the file) has to have this digest"},
	{.path = "size", .type = FIELD_SIZE, .feeds = KIND_IMAGE, .change = CHANGE_REPLACE,
		.offset = offsetof(struct image_spec, size), .min = MIB, .max = 16 * TIB,
		.example = "2GiB",
		.step = MIB,
		.absent = "as large as its content needs, and some room",
		.help = "size of the flattened file system"},
	{.path = "platform", .type = FIELD_STRING, .feeds = KIND_IMAGE, .change = CHANGE_REPLACE,
		.offset = offsetof(struct image_spec, platform), .min = 1, .max = 64,
		.example = "linux/arm64",
		.pattern = "^linux/[a-z0-9_.]+(/[a-z0-9_.]+)?$",
		.absent = "the platform of this host",
		.help = "which one of an image for several platforms: linux/ARCH[/VARIANT]"},
	{.path = "auth_file", .type = FIELD_PATH, .feeds = KIND_IMAGE, .change = CHANGE_NONE,
		.offset = offsetof(struct image_spec, auth_file), .min = 1, .max = 4095,
		.example = "/etc/reconcile/auth.json", .absent = "the logins of this user",
		.help = "file with logins of registries, as docker login writes it; nobody else may read it"},
	{.path = "mirrors", .type = FIELD_STRV, .feeds = KIND_IMAGE, .change = CHANGE_NONE,
		.offset = offsetof(struct image_spec, mirrors), .min = 1, .max = 16,
		.example = "[mirror.example.org/hub]",
		.absent = "those that RECONCILE_MIRRORS names for the registry",
		.help = "HOST[:PORT][/PREFIX] that are asked before the registry of oci, the first one first"},
};

const struct noun noun_image = {
	.key = "images",
	.singular = "image",
	.kind = KIND_IMAGE,
	.help = "an OCI image, flattened to one read-only ext4 file",
	.fields = fields,
	.n_fields = sizeof(fields) / sizeof(fields[0]),
	.size = sizeof(struct image_spec),
};
