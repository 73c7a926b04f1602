/* modinfo.c - what a kernel module says about itself. */
#include "drivers/kernel/worker/modinfo.h"

#include <elf.h>
#include <stdio.h>
#include <string.h>

/* A file or a section of it. */
struct span {
	const unsigned char *p;
	size_t n;
};

static bool cut(struct span from, uint64_t at, uint64_t n, struct span *out)
{
	if (at > from.n || n > from.n - at)
		return false;
	*out = (struct span){from.p + at, (size_t)n};
	return true;
}

/* The section header number i, copied: the file does not align it. */
static bool section(struct span file, const Elf64_Ehdr *eh, size_t i, Elf64_Shdr *out)
{
	struct span s;

	if (i >= eh->e_shnum || eh->e_shoff > file.n ||
		!cut(file, eh->e_shoff + (uint64_t)i * sizeof(*out), sizeof(*out), &s))
		return false;
	memcpy(out, s.p, sizeof(*out));
	return true;
}

static bool content(struct span file, const Elf64_Shdr *sh, struct span *out)
{
	return sh->sh_type != SHT_NOBITS && cut(file, sh->sh_offset, sh->sh_size, out);
}

static bool name_is(struct span names, uint32_t at, const char *want)
{
	struct span s;

	return cut(names, at, strlen(want) + 1, &s) && !memcmp(s.p, want, s.n);
}

static int find_modinfo(struct span file, const char *what, struct span *out, struct err *e)
{
	Elf64_Ehdr eh;
	Elf64_Shdr sh;
	struct span names;

	if (file.n < sizeof(eh) || memcmp(file.p, ELFMAG, SELFMAG) != 0)
		return err_set(e, ERR_CONTENT, "%s: is not an ELF file", what);
	memcpy(&eh, file.p, sizeof(eh));
	if (eh.e_ident[EI_CLASS] != ELFCLASS64 || eh.e_ident[EI_DATA] != ELFDATA2LSB ||
		eh.e_shentsize != sizeof(sh))
		return err_set(e, ERR_CONTENT, "%s: is not a 64-bit little-endian module", what);
	if (!section(file, &eh, eh.e_shstrndx, &sh) || !content(file, &sh, &names))
		return err_set(e, ERR_CONTENT, "%s: its section names are out of bounds", what);
	for (size_t i = 0; section(file, &eh, i, &sh); i++)
		if (name_is(names, sh.sh_name, ".modinfo") && content(file, &sh, out))
			return 0;
	return err_set(e, ERR_CONTENT, "%s: has no .modinfo section; it is not a kernel module", what);
}

/* "pre: a b post: c" -> "a b", joined to what is there already. */
static const char *join_pre(struct arena *a, const char *have, const char *text)
{
	const char *pre = strstr(text, "pre:");
	size_t n;

	if (!pre)
		return have;
	pre += strlen("pre:");
	n = strcspn(pre, ":"); /* up to the word that another part begins with */
	while (pre[n] && n && pre[n - 1] != ' ')
		n--;
	return arena_printf(a, "%s%s%.*s", have, *have ? " " : "", (int)n, pre);
}

static void take_line(struct arena *a, const char *line, struct modinfo *out)
{
	if (!strncmp(line, "name=", 5))
		out->name = line + 5;
	else if (!strncmp(line, "depends=", 8))
		out->depends = line + 8;
	else if (!strncmp(line, "softdep=", 8))
		out->soft_pre = join_pre(a, out->soft_pre, line + 8);
}

int modinfo_read(struct arena *a, const void *elf, size_t n, const char *what, struct modinfo *out,
	struct err *e)
{
	struct modinfo info = {.depends = "", .soft_pre = ""};
	struct span text = {0};

	if (find_modinfo((struct span){elf, n}, what, &text, e) < 0)
		return -1;
	for (size_t at = 0; at < text.n;) {
		size_t len = strnlen((const char *)text.p + at, text.n - at);

		if (len)
			take_line(a, arena_dupn(a, text.p + at, len), &info);
		at += len + 1;
	}
	if (info.name && !modinfo_is_name(info.name))
		return err_set(e, ERR_CONTENT, "%s: its name is not a module's", what);
	*out = info;
	return 0;
}

bool modinfo_is_name(const char *s)
{
	size_t n = strlen(s);

	return n && n < MODINFO_NAME_MAX &&
		strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == n;
}

char *modinfo_file_name(struct arena *a, const char *path)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	const char *ko = strstr(base, ".ko");
	char *name;

	if (!ko || (ko[3] && ko[3] != '.'))
		return NULL;
	name = arena_dupn(a, base, (size_t)(ko - base));
	for (char *p = name; *p; p++)
		if (*p == '-')
			*p = '_';
	return modinfo_is_name(name) ? name : NULL;
}
