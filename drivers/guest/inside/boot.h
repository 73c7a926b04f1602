/* boot.h - the boot record (proto.h): what this guest is to be. */
#pragma once

#include "drivers/guest/inside/why.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BOOT_NETS_MAX 8
#define BOOT_DNS_MAX 4

enum boot_init { BOOT_INIT_AUTO, BOOT_INIT_BUILTIN, BOOT_INIT_IMAGE };

struct boot_net {
	const char *mac, *address; /* address NULL: only the link is brought up */
	const char *gateway;       /* NULL: no default route through it */
	uint32_t mtu;              /* 0: as it is */
	const char *dns[BOOT_DNS_MAX];
	size_t n_dns;
};

/* Everything borrows from the record's text. */
struct boot {
	char *text; /* owned; NULL when the text belongs to the caller */
	size_t size;
	const char *vm, *instance, *nonce, *hostname;
	enum boot_init init;
	const char **argv; /* owned, NULL-terminated; argc 0: no workload */
	size_t argc;
	const char **env;  /* owned, NULL-terminated */
	const char *cwd, *user;
	int stop_signal;
	uint32_t stop_grace_ms;
	struct boot_net net[BOOT_NETS_MAX];
	size_t n_net;
	bool reboot; /* end by reboot, not by power off */
};

/* A guest without a record: no workload, no network. For tests and for errors before it is read. */
void boot_empty(struct boot *out);

/* PURE. Parse a record of n bytes with its header; the text is changed and out borrows from it.
 * What is missing has its default; what is there and wrong is an error. */
int boot_parse(char *record, size_t n, struct boot *out, struct why *w);

/* Read and parse the record on a device or in a file. If copy is not NULL, the record as it was
 * read is also written there (mode 0600). */
int boot_read(const char *path, const char *copy, struct boot *out, struct why *w);

void boot_fini(struct boot *b);
