/* fake.h - an in-memory world with scripted failures, in place of every real driver.
 *
 * The world lies in shared memory: a process that is killed in the middle of a pass leaves it as
 * it was, as a kernel would. Every apply and undo is one numbered call; the script says what
 * happens at which. Rules that real kernels or users would enforce painfully (two VMMs on one
 * disk, a disk removed under a running VM) are recorded as violations.
 */
#pragma once

#include "drivers/driver.h"

#define FAKE_THINGS 320 /* of each kind */
#define FAKE_KEPT 600 /* disks that are kept */
#define FAKE_SCRIPT 4

enum fake_mode {
	FAKE_FAIL,        /* refuse, nothing done */
	FAKE_FAIL_HALF,   /* do half of it, then fail */
	FAKE_FAIL_AFTER,  /* do it, then report failure */
	FAKE_KILL_BEFORE, /* the process dies before the effect */
	FAKE_KILL_HALF,   /* ... with half of it done */
	FAKE_KILL_AFTER,  /* ... after it, before anybody hears of it */
	FAKE_MODE_N
};

struct fake_thing {
	char name[64];
	bool exists, foreign, half, running;
	bool altered;            /* somebody changed what is in it */
	bool networked;          /* a VM that was started with interfaces */
	bool lost;               /* its row was lost: nobody can know what it holds */
	char id[96], shape[160]; /* content; what a VM was started with */
	uint64_t size, cid;
	uint32_t starts;
	uint32_t birth;          /* a new number each time a disk is made from its image */
};

/* A disk of a deleted VM. */
struct fake_kept {
	char file[96];
	struct fake_thing thing;
};

struct fake_world {
	bool adding; /* steps at the same time are processes of their own and share the world */
	struct fake_kept kept[FAKE_KEPT];
	struct fake_thing things[KIND_N][FAKE_THINGS];
	uint32_t calls;          /* apply and undo calls so far */
	struct {
		uint32_t at;     /* 0: unused; 1 is the first call */
		enum fake_mode mode;
	} script[FAKE_SCRIPT];
	uint32_t births;         /* disks made so far */
	uint32_t fired;          /* script entries that came true */
	char violation[256];     /* the first rule that was broken; empty: none */
	bool slow_guest;         /* WAIT fails with a timeout */
	char content[16];        /* part of every image's id: change it and tags have moved */
};

#define FAKE_EXIT 99 /* exit code of a process that was "killed" */

/* A new world in shared memory; the process keeps it until it ends. */
struct fake_world *fake_new(void);

/* From now on the drivers work in this world. on_apply, if not NULL, is called before each
 * effect, with the step, to check what must be true by then. */
void fake_use(struct fake_world *w, void (*on_apply)(const struct step *step));

/* The world that the drivers work in; NULL before fake_use. */
struct fake_world *fake_world_now(void);

/* The thing of that name, NULL if it does not exist. */
struct fake_thing *fake_find(struct fake_world *w, enum kind kind, const char *name);

/* Make it exist (foreign: as somebody else's). */
struct fake_thing *fake_add(struct fake_world *w, enum kind kind, const char *name);

void fake_violate(struct fake_world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
