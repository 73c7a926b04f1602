/* boot_record.h - what the guest has to know at boot (drivers/guest/proto.h, "boot record"): the
 * image's OCI configuration and the VM's fields, merged as docker run would.
 *
 * PURE.
 */
#pragma once

#include "schema/base/err.h"
#include "schema/model.h"

struct boot_input {
	const char *instance, *nonce;
	const struct vm_spec *vm;
	const char *config; /* the image's "config" object as JSON; NULL or "": none */
	const char *mac;    /* of the user network; NULL: none */
	bool secrets;       /* with the texts of secrets; else their markers stand there */
	const char *nics;   /* the fact of the same name: its interfaces in networks; NULL: none */
};

/* The JSON text. The image's configuration comes from outside: what has a wrong type fails with
 * ERR_CONTENT; an Env entry that is not NAME=value is left out. */
int boot_record_text(struct arena *a, const struct boot_input *in, const char **out, struct err *e);

/* The file that the guest sees as /dev/vdb: header, text, zeros up to whole blocks. ERR_LIMIT when
 * the text is too long. */
int boot_record_file(struct arena *a, const char *text, char **data, size_t *n, struct err *e);
