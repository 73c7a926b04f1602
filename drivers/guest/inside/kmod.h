/* kmod.h - load the kernel modules that the initrd carries. */
#pragma once

/* Load the files named in list, relative to dir, in order. A line is "FILE" or "FILE ID": the second
 * form only where a virtio device of that id is present, since every module costs time at boot.
 * One that is there already is fine; one that the kernel refuses is said on the console and passed
 * over: whether it was needed shows by what is missing then. */
void kmod_load(const char *list, const char *dir);
