/* journal.pml - the journal protocol of a pass (reconciler/engine/exec.h), for spin.
 *
 * One VM with its disk. The database holds a row and an intent of each; the world holds a disk that
 * is absent, half made or whole, and VMMs; handles.json is a file of its own. A commit is atomic, an
 * effect is not: the disk is half made before it is whole, and half removed before it is gone. The
 * engine may die before each of its actions, CRASHES times in all, also in the pass that recovers;
 * an effect or the start may fail FAILURES times, and is then undone. Meanwhile the user changes
 * what is wanted, VMMs die and disks are torn, a few times each.
 *
 * The memory of a pass is what it saw: it is set anew by each look, nothing else outlives a death.
 *
 * Asserted: an effect has its committed intent, an undo a committed row; a VMM is started only where
 * none runs, on a whole disk; a row goes only when what it names is absent. Claims: whatever is in
 * the world has a row at all times; when crashes, failures and changes stop, the engine rests and
 * the world is as wanted.
 *
 * Variants that must be refused, each a protocol that looks right: EFFECT_FIRST (the intent is
 * written after the effect), FORGET_FIRST (the row goes with the intent to remove), TRUST_ROW (after
 * a death the row is believed, the world is not looked at), NO_RETRY (what was interrupted is left).
 */
#ifndef CRASHES
#define CRASHES 2
#endif
#ifndef FAILURES
#define FAILURES 1
#endif

mtype = { none, making, made, failed, deleting };
mtype = { absent, half, whole };
mtype = { nothing, create, start, stop, remove };

/* saved state */
mtype row_disk = none, row_vm = none;
mtype intent_disk = nothing, intent_vm = nothing;
bool handles = false;

/* the world */
mtype disk = absent;
byte vmm = 0;
bool want = true;

byte crashes = CRASHES, failures = FAILURES, changes = 2, deaths = 1, tears = 1;
bool resting = false;

#define as_wanted ((want && disk == whole && vmm == 1 && row_disk == made && row_vm == made && \
		handles) || (!want && disk == absent && vmm == 0 && row_disk == none && \
		row_vm == none && !handles))
#define journal_is_closed (intent_disk == nothing && intent_vm == nothing)

/* The process may die here. */
inline die()
{
	if
	:: crashes > 0 -> crashes--; goto died
	:: true
	fi
}

inline may_fail()
{
	if
	:: failures > 0 -> failures--; ok = false
	:: true
	fi
}

inline commit_create()
{
	atomic { intent_disk = create; intent_vm = nothing; row_disk = making }
}

inline remove_disk()
{
	assert(row_disk != none);
	assert(vmm == 0);
	if
	:: disk != absent -> disk = half
	:: else
	fi;
	die();
	disk = absent;
	die()
}

active proctype engine()
{
	bool goal, had_disk, made_disk, ok, again = true; /* again: for NO_RETRY only */
	mtype saw_disk;
	byte saw_vmm;

look:
	atomic {
		resting = false;
		ok = true;
		made_disk = false;
		goal = want;
		had_disk = row_disk != none;
		saw_disk = disk;
		saw_vmm = vmm;
#ifdef TRUST_ROW
		if
		:: row_vm == making -> saw_vmm = 0
		:: else
		fi
#endif
	}
#ifdef NO_RETRY
	if
	:: !again -> goto rest
	:: else
	fi;
#endif
	if
	:: goal && saw_disk == whole && saw_vmm == 1 -> goto adopt
	:: goal && saw_disk != whole && saw_vmm > 0 -> goto halt
	:: goal && saw_disk != whole && saw_vmm == 0 -> goto make
	:: goal && saw_disk == whole && saw_vmm == 0 -> goto boot
	:: !goal -> goto unmake
	fi;

adopt:	/* as wanted already: only the rows are put right */
	if
	:: !handles -> die(); handles = true
	:: else
	fi;
	die();
	atomic { row_disk = made; row_vm = made; intent_disk = nothing; intent_vm = nothing };
	goto rest;

halt:	/* a VMM on a disk that has to be made again */
	die();
	atomic { intent_vm = stop; intent_disk = nothing; row_vm = deleting };
	die();
	assert(intent_vm == stop);
	vmm = 0;
	die();
	handles = false;
	die();

make:
#ifdef EFFECT_FIRST
	die();
	assert(intent_disk == create);
	disk = half;
	die();
	commit_create();
#else
	die();
	commit_create();
	die();
	assert(intent_disk == create);
	assert(vmm == 0);
	disk = half;
#endif
	die();
	may_fail();
	if
	:: ok -> disk = whole; made_disk = true
	:: else -> goto undo_disk
	fi;

boot:
	die();
	atomic {
		row_disk = made;
		intent_disk = nothing;
		intent_vm = start;
		row_vm = making
	};
	die();
	assert(intent_vm == start);
	assert(vmm == 0);
	atomic { /* the driver starts nothing on a disk that was torn behind our back */
		if
		:: disk != whole -> goto undo_vm
		:: else -> vmm++
		fi
	};
	die();
	handles = true;
	die();
	may_fail();
	if
	:: ok
	:: else -> goto undo_vm
	fi;
	die();
	atomic { row_vm = made; intent_vm = nothing };
	goto look;

undo_vm:
	die();
	assert(row_vm != none);
	vmm = 0;
	die();
	handles = false;
	die();
	if
	:: made_disk -> goto undo_disk
	:: else
	fi;
	atomic { row_vm = failed; intent_vm = nothing };
	goto look;

undo_disk:
	die();
	remove_disk();
	atomic {
		intent_disk = nothing;
		intent_vm = nothing;
		if
		:: row_vm != none -> row_vm = failed
		:: else
		fi;
		if
		:: had_disk -> row_disk = failed
		:: else -> assert(disk == absent); row_disk = none
		fi
	};
	goto look;

unmake:
	if
	:: row_disk == none && row_vm == none -> goto rest /* nothing of ours is there */
	:: else
	fi;
	die();
	atomic {
		intent_vm = stop;
		intent_disk = nothing;
		if
		:: row_vm != none -> row_vm = deleting
		:: else
		fi
	};
	die();
	assert(intent_vm == stop);
	vmm = 0;
	die();
#ifdef FORGET_FIRST
	atomic { row_vm = none; row_disk = none; intent_vm = remove; intent_disk = remove };
#else
	atomic {
		intent_vm = remove;
		if
		:: row_disk != none -> row_disk = deleting; intent_disk = remove
		:: else
		fi
	};
#endif
	die();
	handles = false;
	die();
	if
	:: disk != absent -> assert(intent_disk == remove); disk = half
	:: else
	fi;
	die();
	disk = absent;
	die();
	atomic {
		assert(disk == absent && vmm == 0 && !handles);
		row_vm = none;
		row_disk = none;
		intent_vm = nothing;
		intent_disk = nothing
	};
	goto look;

rest:	/* until there is something to do; turning, so that a run without end is what is judged */
	resting = true;
	do
	:: atomic {
		goal != want || (want && (disk != whole || vmm != 1)) ->
		resting = false;
		again = true;
		goto look
	}
	:: else -> skip
	od;

died:	/* the memory is gone; somebody runs it again */
	again = false;
	goto look
}

/* The rest of the world, as long as it pleases. */
active proctype others()
{
	do
	:: changes > 0 -> atomic { changes--; want = !want }
	:: deaths > 0 && vmm > 0 -> atomic { vmm > 0 -> deaths--; vmm-- }
	:: tears > 0 && disk == whole -> atomic { disk == whole && vmm == 0 -> tears--; disk = half }
	:: true -> break
	od
}

/* Whatever is there can be found again. */
ltl named { [] ((disk != absent -> row_disk != none) && (vmm > 0 -> row_vm != none)) }

/* Once nothing happens any more, all is well and stays so. */
ltl converges { <> [] (resting && as_wanted && journal_is_closed) }
