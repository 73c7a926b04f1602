/* kmod.h - load the kernel modules that the initrd carries. */
#pragma once

/* Load each file named in list (one path a line, in order), relative to dir. One that is there
 * already is fine; one that the kernel refuses is said on the console and passed over: whether it
 * was needed shows by what is missing then. */
void kmod_load(const char *list, const char *dir);
