/* fields_image.c - what can be said about an image.
 *
 * The image object is the flattened file system. Any change makes another file; what that costs the
 * disks made from it is the cost of their edge to the image (expand.c).
 */
#include "schema/field.h"

#include <stddef.h>

#define MIB (1024ll * 1024)
#define TIB (1024ll * 1024 * MIB)

static const struct field fields[] = {
	{.path = "oci", .type = FIELD_STRING, .feeds = KIND_IMAGE, .change = CHANGE_REPLACE,
		.offset = offsetof(struct image_spec, oci), .min = 1, .max = 456,
		.example = "docker.io/library/debian:12",
		.absent = "the image is not from a registry; oci_layout has to be given",
		.help = "reference in a registry: [HOST[:PORT]/]PATH[:TAG][@DIGEST]"},
	{.path = "oci_layout", .type = FIELD_PATH, .feeds = KIND_IMAGE, .change = CHANGE_REPLACE,
		.offset = offsetof(struct image_spec, oci_layout), .min = 1, .max = 4095,
		.example = "./layout:v1",
		.absent = "the image is not from a folder; oci has to be given",
		.help = "folder in OCI image layout: PATH[:TAG]"},
	{.path = "digest", .type = FIELD_DIGEST, .feeds = KIND_IMAGE, .change = CHANGE_REPLACE,
		.offset = offsetof(struct image_spec, digest), .min = 71, .max = 71,
		.absent = "what the tag points to when it is looked up",
		.help = "the manifest has to have this digest"},
	{.path = "size", .type = FIELD_SIZE, .feeds = KIND_IMAGE, .change = CHANGE_REPLACE,
		.offset = offsetof(struct image_spec, size), .min = MIB, .max = 16 * TIB,
		.example = "2GiB",
		.step = MIB,
		.absent = "as large as its content needs, and some room",
		.help = "size of the flattened file system"},
	{.path = "platform", .type = FIELD_STRING, .feeds = KIND_IMAGE, .change = CHANGE_REPLACE,
		.offset = offsetof(struct image_spec, platform), .min = 1, .max = 64,
		.example = "linux/arm64",
		.absent = "the platform of this host",
		.help = "which one of an image for several platforms: linux/ARCH[/VARIANT]"},
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
