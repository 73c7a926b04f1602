/* kept.pml - deleting a VM, bringing it back and renaming it (reconciler/engine/tombstone.h, moved.h),
 * for spin.
 *
 * One disk, whose data must never be lost while its time is not over. Its file is in one of three
 * places: at home, under the old name, or kept; each move is one rename and so atomic. A commit is
 * atomic too. The engine may die before each of its actions, CRASHES times in all; the user wants
 * the VM, does not want it, and wants it under another name, a few times.
 *
 * Asserted: a step that moves the file finds it where the rows or the tombstone say. Claims: the data
 * is somewhere and something committed says where, at all times; when crashes and wishes stop, the
 * engine rests with the file at home and no tombstone, or kept with one, as wanted.
 *
 * Variants that must be refused: MOVE_FIRST (the file is moved before the tombstone is committed),
 * SETTLE_FIRST (the tombstone counts as closed before the file has moved, and the row is forgotten),
 * DROP_KEPT (the fact that the file is kept is dropped in the commit that puts the rows back).
 */
#ifndef CRASHES
#define CRASHES 2
#endif

mtype = { home, old, kept };              /* where the file is */
mtype = { no_row, row, row_was, row_kept }; /* the disk's row, with the fact was or kept */
mtype = { no_tomb, closing, closed };

mtype file = home;
mtype disk = row;
mtype tomb = no_tomb;
bool want = true;
bool moved = false;   /* a rename is asked for and not committed yet */
byte crashes = CRASHES, wishes = 3;
bool resting = false;

/* What is committed leads to the file: home, and for a row with a fact the other place too. */
#define row_leads ((disk == row && file == home) || \
	(disk == row_was && (file == home || file == old)) || \
	(disk == row_kept && (file == home || file == kept)))
#define tomb_leads ((tomb == closing && (file == kept || file == home || file == old)) || \
	(tomb == closed && file == kept))
#define as_wanted ((want && file == home && disk == row && tomb == no_tomb && !moved) || \
	(!want && file == kept && disk == no_row && tomb == closed))

inline die()
{
	if
	:: crashes > 0 -> crashes--; goto look
	:: true
	fi
}

active proctype engine()
{
look:
	resting = false;
	if
	:: !want && (disk != no_row || tomb == closing) -> goto remove
	:: want && tomb != no_tomb -> goto back
	:: want && tomb == no_tomb && moved -> goto rename
	:: want && tomb == no_tomb && !moved && (disk == row_was || disk == row_kept) -> goto bring
	:: else -> goto rest
	fi;

remove:
#ifdef MOVE_FIRST
	file = kept;
	die();
#endif
#ifdef SETTLE_FIRST
	atomic { tomb = closed; disk = no_row };
	die();
#else
	atomic { /* the first commit: a tombstone that is there already is the same one */
		if
		:: tomb == no_tomb -> tomb = closing
		:: else
		fi
	};
	die();
#endif
	file = kept; /* from wherever it is: one rename */
	die();
	atomic { tomb = closed; disk = no_row };
	die();
	goto look;

back:
	/* The rows are put back with the fact, and the tombstone goes, in one commit. */
	atomic {
#ifdef DROP_KEPT
		disk = row;
#else
		if
		:: disk == row_was && file == old -> skip /* its row still says where it is */
		:: else -> disk = row_kept
		fi;
#endif
		tomb = no_tomb
	};
	die();
	goto look;

rename:
	atomic { /* home is elsewhere from now on; the file is still under the name that it had */
		if
		:: disk == row && file == home -> file = old; disk = row_was
		:: else
		fi;
		moved = false
	};
	die();
	goto look;

bring:
	assert(file == home || (disk == row_was && file == old) || (disk == row_kept && file == kept));
	file = home;
	die();
	disk = row;
	die();
	goto look;

rest:
	resting = true;
	if
	:: as_wanted -> (!as_wanted || wishes == 0)
	:: else -> skip
	fi;
	if
	:: as_wanted && wishes == 0 -> goto done
	:: else -> goto look
	fi;
done:
	resting = true
}

active proctype user()
{
	do
	:: wishes > 0 -> atomic { wishes--; want = !want }
	:: wishes > 0 && want && tomb == no_tomb && disk == row -> atomic { wishes--; moved = true }
	:: wishes == 0 -> break
	od
}

ltl named { [] (row_leads || tomb_leads) }
ltl converges { <> [] (as_wanted && resting) }
