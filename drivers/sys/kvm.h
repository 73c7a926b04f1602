/* kvm.h - whether this host can really run a guest under KVM.
 *
 * That /dev/kvm opens, knows API version 12 and makes a VM proves nothing: there are hosts, virtual
 * ones above all, on which all of this works and no ordinary guest ever boots. So a few bytes of
 * code are run on a virtual CPU and have to do what they say.
 */
#pragma once

#include "schema/base/arena.h"

#include <stdbool.h>

/* Whether KVM is usable; if not, *reason says why, for people. The part that costs time is
 * remembered in run_fd until the host is booted again; that we may open /dev/kvm is looked at each
 * time, since it depends on who we are. */
bool kvm_is_usable(struct arena *a, int run_fd, const char *boot_id, const char **reason);

/* The test itself: run code on a new virtual CPU of this open /dev/kvm, at most about a second.
 * NULL when it did what it says, otherwise what went wrong. */
const char *kvm_run_test(struct arena *a, int kvm_fd);
