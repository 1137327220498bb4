/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A model of the pkey register's life, for the model checker spin.
 *
 * spin runs this program in every order that its rules allow, and stops at the first
 * assertion that fails. So "no errors" is not a test that went well: there is no
 * order of interrupts, NMIs, faults, preemption, sleep, migration, death and attack
 * within the bounds below that breaks one of the properties. docs/model.md says how
 * to run it, and what it leaves out.
 *
 * How to read it. It looks like C. "a -> b" waits for a, then does b. "if :: a :: b fi"
 * does a or b, whichever can go on; if both can, spin tries both. "do ... od" repeats
 * that until "break". An inline is a macro. A process runs only while its "provided"
 * is true. Each statement is one step, and an exception can hit between any two,
 * unless "atomic" holds them together.
 *
 * Threads, exceptions and CPUs. A thread is a stack of frames: frame 0 is its own
 * code, the frames above are exceptions, each in the code of the one below. A frame
 * is a process, and only the top frame of the thread that has the CPU can move; that
 * is all there is to "an exception interrupts". CPUs share nothing that is modelled
 * here except memory that the attacker can write to anyway, so that steps of different
 * CPUs commute: a thread runs until it is switched out, then any thread continues
 * on any CPU. -DINTERLEAVE lets CPUs alternate at every step (slow; same result).
 *
 * The attacker writes to all memory at all times, but for protected memory, code and
 * what they cannot reach: registers. (Return addresses and saved stack pointers are
 * control flow, which the threat model takes as intact.) No process does that: instead,
 * whatever is read from such memory can have any value. See memory_says().
 *
 * Properties:
 *   P1  Only a section's own code runs with the register open: no exception handler,
 *       softirq, other thread or user mode does.
 *   P2  What is written to the register is a constant of the program point. There is
 *       no other statement here that writes it; the variants use a macro of their own.
 *   P3  A store to protected memory finds the register open. Else it is a fault: never
 *       without an attacker; with one, it kills the thread.
 *   P4  The register is closed after a section, while one is paused, when a thread
 *       is switched out, and in user mode.
 *   P5  Records do not leak: a frame leaves none, nor does a context switch or a thread
 *       that ends, and a CPU never has more than it has frames.
 *   And there is no deadlock.
 *
 * Thread 0 does all of that; thread 1 only sleeps in a section, on either CPU.
 *
 * Variants, each with one decision made otherwise, are chosen with -DNAME. Each must
 * fail, and tools/lib/model.sh says with which property, else the model proves nothing.
 */

#ifndef ATTACK
#define ATTACK	1
#endif

#define CPUS	2
#define THREADS	2
#ifndef LEVELS
#define LEVELS	2	/* exceptions in exceptions; a third one can be an NMI only */
#endif

#define CLOSED	false
#define OPEN	true

/* -DONLY=n: what a broken property leads to, instead of where it breaks first. */
bool P1_others_run_closed, P3_no_false_fault, P4_closed_afterwards, P5_no_record_leaks;
#if !defined(ONLY) || ONLY == 1
#define P1(cond)	assert(P1_others_run_closed || (cond))
#else
#define P1(cond)	skip
#endif
#if !defined(ONLY) || ONLY == 3
#define P3(cond)	assert(P3_no_false_fault || (cond))
#else
#define P3(cond)	skip
#endif
#if !defined(ONLY) || ONLY == 4
#define P4(cond)	assert(P4_closed_afterwards || (cond))
#else
#define P4(cond)	skip
#endif
#if !defined(ONLY) || ONLY == 5
#define P5(cond)	assert(P5_no_record_leaks || (cond))
#else
#define P5(cond)	skip
#endif

/*
 * The state
 */

/* Registers, which are out of the attacker's reach. */
bool reg[CPUS];			/* the pkey register */
byte cpu;			/* the CPU that moves */
byte runs[CPUS];		/* the thread that each CPU runs */
#define NOBODY	THREADS

/*
 * Where a thread is: control flow. Each frame of each thread is a process, and its
 * number is its name. Stacks are reused, and so are names.
 */
#define FRAME(thread, nr)	(1 + (thread) * (LEVELS + 1) + (nr))
#define FRAMES			FRAME(THREADS, 0)
#define me			_pid
#define t			((_pid - 1) / (LEVELS + 1))
#define level			((_pid - 1) % (LEVELS + 1))
byte top[THREADS];		/* level of the frame that runs */
bool dying[THREADS];
byte masked[FRAMES];		/* what cannot interrupt this frame: */
#define NOTHING	0
#define IRQS	1		/* interrupts: in handlers of interrupts and NMIs */
#define ALL	2		/* all but NMIs: in entry code and the scheduler */
#define USER	3		/* everything: user mode, which is no kernel code */
bool in_nmi[THREADS];
byte setters[THREADS];		/* page-table setters in progress, one in the exception of another */

/* Protected memory: sections that exceptions have interrupted, a stack for each CPU. */
#define RECORDS	(LEVELS + 1)
byte depth[CPUS];
byte record[CPUS * RECORDS];	/* the frame of the exception, i.e. its stack pointer */
#define TOP_RECORD		record[here * RECORDS + depth[here] - 1]
#ifdef CPU_FROM_MEMORY			/* the CPU's number is in task_struct */
byte cpu_of_frame[FRAMES];
#define here	cpu_of_frame[me]
#define WHICH_CPU			\
	if				\
	:: here = cpu			\
	:: ATTACK -> here = 1 - cpu	\
	fi;
#else
#define here	cpu			/* its per-CPU base is a register */
#define WHICH_CPU
#endif

/*
 * Ordinary memory. If there is an attacker it can say anything at any time, so its
 * contents are not kept: a condition on it is true or false as spin likes.
 */
byte preempt_count[THREADS];
byte lazy_count[THREADS], lazy_paused[THREADS];
#define memory_says(cond)	((cond) || ATTACK)
#define add(var, n)		var = (ATTACK -> 0 : var + n)
#define in_interrupt		(preempt_count[t] > 0)
#define lazy_active		(lazy_count[t] > 0 && lazy_paused[t] == 0)

/* For variants only, which save what the register was, and write back what memory then says. */
bool saved_by_frame[FRAMES], saved_by_switch[THREADS], saved_by_guard[FRAMES];
inline write_reg_from_memory(saved)
{
	if
	:: memory_says(saved == OPEN) -> reg[cpu] = OPEN
	:: memory_says(saved == CLOSED) -> reg[cpu] = CLOSED
	fi
}

#if defined(RFC_V5) || defined(RFC_V6) || defined(RFC_V7)
#define RFC
#endif
/* The public series, and this one at first, opened page tables for whole lazy MMU sections. */
#if defined(RFC) || defined(LAZY_OPENS) || defined(LAZY_TRUSTS_COUNT) || defined(RESUME_REOPENS)
#define LAZY_SECTIONS_OPEN
#endif

/*
 * Sections
 */

/* Code that is no part of a section. */
inline other_code()
{
	P1(reg[cpu] == CLOSED)
}

/* A store to a page table or to the records. The frames of a thread that dies end one by one. */
#define store(statement)			\
	atomic {				\
		if				\
		:: reg[cpu] == OPEN ->		\
			statement		\
		:: else ->			\
			P3(ATTACK);		\
			dying[t] = true		\
		fi				\
	}

/*
 * kpkeys_pgtables_write(). Whether the register was open before is nowhere in memory:
 * the code is there twice. Its body must not sleep, nor touch user memory.
 */
inline setter()
{
#ifdef RFC
	/* In a lazy MMU section, says memory: no need to look at the register. */
	if
	:: atomic { memory_says(lazy_active && !in_interrupt) -> setters[t]++ } ->
		store(skip)
	:: atomic { memory_says(!lazy_active || in_interrupt) -> setters[t]++; saved_by_guard[me] = reg[cpu] } ->
		reg[cpu] = OPEN;
		store(skip);
		write_reg_from_memory(saved_by_guard[me])
	fi;
#else
	if
	:: atomic { reg[cpu] == CLOSED -> setters[t]++ } ->
		reg[cpu] = OPEN;
		store(skip);
#ifdef GUARD_RESTORES_LOCAL
		write_reg_from_memory(CLOSED);	/* as it was, but the local is on the stack */
#else
		reg[cpu] = CLOSED;
#endif
		P4(reg[cpu] == CLOSED)
	:: atomic { reg[cpu] == OPEN -> setters[t]++ } ->
		store(skip)
	fi;
#endif
	setters[t]--
}

#ifdef LAZY_SECTIONS_OPEN
/* lazy_mmu_mode_enable(): memory may say what it likes, it only decides how fast setters are. */
inline lazy_enable()
{
	if
	:: memory_says(!lazy_active && lazy_paused[t] == 0 && !in_interrupt) -> reg[cpu] = OPEN
	:: memory_says(lazy_active || lazy_paused[t] > 0 || in_interrupt)
	fi;
#ifdef RFC_V5
	lazy_count[t] = !ATTACK		/* a flag of the thread */
#else
	add(lazy_count[t], (in_interrupt || lazy_paused[t] > 0 -> 0 : 1))
#endif
}

/* lazy_mmu_mode_disable(): close before looking at anything. The rest of an outer section goes on closed. */
inline lazy_disable()
{
#if defined(LAZY_TRUSTS_COUNT) || (defined(RFC) && !defined(RFC_V5))
	if
	:: memory_says(lazy_count[t] == 1 && lazy_paused[t] == 0) -> reg[cpu] = CLOSED
	:: memory_says(lazy_count[t] != 1 || lazy_paused[t] > 0)
	fi;
#else
	reg[cpu] = CLOSED;
#endif
#ifdef RFC_V5
	lazy_count[t] = 0
#else
	add(lazy_count[t], (in_interrupt || lazy_paused[t] > 0 -> 0 : -1))
#endif
}

inline lazy_pause()
{
	reg[cpu] = CLOSED;
	add(lazy_paused[t], 1)
}

inline lazy_resume()
{
	add(lazy_paused[t], -1);
#if defined(RESUME_REOPENS) || defined(RFC)
	if
	:: memory_says(lazy_active) -> reg[cpu] = OPEN
	:: memory_says(!lazy_active)
	fi
#endif
}

#define section_begin	lazy_enable()
#define section_end	lazy_disable()
#else
/* kpkeys_in_context(), around more code than a setter's. Guards do not nest: the end is the default context. */
inline section_begin_()
{
	if
	:: reg[cpu] == CLOSED -> reg[cpu] = OPEN
	:: reg[cpu] == OPEN
	fi
}
#define section_begin	section_begin_()
#define section_end	reg[cpu] = CLOSED

/*
 * A lazy MMU section is no section of the register. Its setters note what they are to write;
 * this writes it. What has been noted is in memory: the setters look at it again.
 */
inline lazy_flush(mask)
{
	masked[me] = IRQS;
	setter();
	masked[me] = mask
}
#endif

/*
 * Context switch
 */

/* The records are protected, so the register is opened for that, with a constant. */
inline drop_records()
{
	WHICH_CPU
	if
	:: depth[here] > 0 ->
		reg[cpu] = OPEN;
		store(TOP_RECORD = 0; depth[here] = 0);
		reg[cpu] = CLOSED
	:: else
	fi
}

/* Any thread that no CPU runs, on any CPU. */
byte next, next_cpu;
inline pick_next()
{
#ifdef INTERLEAVE
	next_cpu = cpu;
#else
	if
	:: next_cpu = 0
	:: next_cpu = 1
	fi;
#endif
	if
	:: runs[1 - cpu] != 0 -> next = 0
	:: runs[1 - cpu] != 1 -> next = 1
	fi;
	d_step {
		runs[cpu] = NOBODY;
		cpu = next_cpu;
		runs[cpu] = next;
		next = 0;
		next_cpu = 0
	}
}

/* __schedule(), with what is masked for the code that goes on after it. */
inline context_switch(mask)
{
	masked[me] = ALL;
#if defined(RFC) || defined(SWITCH_RESTORES)
	saved_by_switch[t] = reg[cpu];
#endif
	reg[cpu] = CLOSED;
#ifndef NO_DROP_ON_SWITCH
	drop_records();
#endif
	atomic {
		P4(reg[cpu] == CLOSED);
		P5(depth[cpu] == 0);
		masked[me] = mask;
		pick_next()
	};
	/* This thread again, maybe on another CPU. Nothing is restored. */
#if defined(RFC) || defined(SWITCH_RESTORES)
	write_reg_from_memory(saved_by_switch[t]);
#endif
}

/*
 * Preemption, on return from an exception or by preempt_enable() in its handler. An
 * exception has interrupted a section if this CPU has a record, whichever frame's it
 * is: the section is short, and looks for a pending reschedule when it ends.
 */
#ifdef PREEMPT_DESPITE_RECORD
#define preemptible_on_exit	true
#elif defined(PREEMPT_BY_FRAME)
#define preemptible_on_exit	(depth[here] == 0 || TOP_RECORD != me)
#else
#define preemptible_on_exit	(depth[here] == 0)
#endif
#ifdef PREEMPT_ENABLE_UNCHECKED
#define preemptible_in_handler	true
#else
#define preemptible_in_handler	preemptible_on_exit
#endif

/*
 * Softirqs run on a borrowed stack: on return from an interrupt, or in a section that
 * calls local_bh_enable(). The section then goes on closed.
 */
inline softirq()
{
	add(preempt_count[t], 1);
#ifndef SOFTIRQ_INHERITS
	reg[cpu] = CLOSED;
#endif
	other_code();
	setter();
	add(preempt_count[t], -1)
}

/*
 * Exceptions from kernel mode
 */

/*
 * Push a record while the register is open, as the record is protected; then close.
 * First the depth, then the record: an NMI in between uses the next one.
 */
inline exception_entry()
{
#if defined(RFC_V7)
	skip
#elif defined(RFC) || defined(EXCEPTION_RESTORES_SAVED)
	saved_by_frame[me] = reg[cpu];
	reg[cpu] = CLOSED
#else
	WHICH_CPU
	if
	:: reg[cpu] == OPEN ->
#ifdef PUSH_AFTER_CLOSING
		reg[cpu] = CLOSED;
#endif
		P5(depth[here] < RECORDS);
#ifdef FILL_BEFORE_DEPTH
		store(record[here * RECORDS + depth[here]] = me);
		store(depth[here]++);
#else
		store(depth[here]++);
		store(TOP_RECORD = me);
#endif
		reg[cpu] = CLOSED
	:: else
	fi
#endif
}

/* Open with a constant, then pop, if the top record of this CPU is this frame's. */
#ifdef FRAME_FROM_MEMORY
#define is_mine(frame)	memory_says((frame) == me)
#else
#define is_mine(frame)	((frame) == me)	/* compares the stack pointer */
#endif
#define pop_record	store(TOP_RECORD = 0; depth[here]--)
inline exception_exit()
{
#if defined(RFC_V7)
	skip
#elif defined(RFC) || defined(EXCEPTION_RESTORES_SAVED)
	write_reg_from_memory(saved_by_frame[me])
#else
	WHICH_CPU
	if
	:: depth[here] > 0 && is_mine(TOP_RECORD) ->
		reg[cpu] = OPEN;
		pop_record
	:: depth[here] == 0 || !is_mine(TOP_RECORD)
#ifdef POP_ON_ONE_PATH
	/* irqentry_state_t, which is on the stack, says that this is another path. */
	:: ATTACK
#endif
	fi;
	P5(depth[here] == 0 || TOP_RECORD != me)
#endif
}

/* An oops. On x86 do_exit() then starts at the top of the stack again: frames get old names. */
inline die()
{
	masked[me] = ALL;
#ifndef NO_DROP_ON_DEATH
	drop_records();
#endif
	dying[t] = true
}

mtype = { none, irq, fault, nmi };	/* fault: any synchronous exception */

proctype exception() provided (runs[cpu] == t && (top[t] == level || top[t] == level - 1))
{
	mtype kind = none;
#define below	(me - 1)
#ifdef SLEEP_IN_SETTER
#define may_wait	true
#else
#define may_wait	(setters[t] == 0)
#endif
#define can_be_preempted	memory_says(preempt_count[t] == 0 && masked[below] == NOTHING)
#define can_sleep		memory_says(preempt_count[t] == 0 && masked[below] == NOTHING && may_wait)
#define can_hit	(top[t] == level - 1 && !dying[t] && masked[below] != USER)

	do
	:: {
		atomic {
			if
			:: can_hit && !in_nmi[t] -> kind = nmi; in_nmi[t] = true; add(preempt_count[t], 1)
			:: can_hit && masked[below] < ALL && level < 3 -> kind = fault
			:: can_hit && masked[below] == NOTHING && level < 3 -> kind = irq; add(preempt_count[t], 1)
			fi;
			top[t] = level;
			masked[me] = ALL
		};
		exception_entry();

		/* The handler. An NMI's sets no page tables; an interrupt's does not sleep. */
		atomic {
			masked[me] = (kind == fault -> masked[below] : IRQS);
			other_code()
		};
		if
		:: kind == nmi
		:: kind == irq -> setter()
#ifdef RFC	/* which leaves open what faults and local_bh_enable() in a section do */
		:: kind == fault
#else
		:: kind == fault -> setter()
		:: kind == fault && level == 1 -> section_begin; setter(); section_end
#endif
		:: kind == fault && level == 1 && (can_sleep || (can_be_preempted && preemptible_in_handler)) ->
			context_switch(NOTHING)
		:: kind == fault && memory_says(preempt_count[t] == 0) ->
			die()
		fi;
		if
		:: atomic { kind == irq -> add(preempt_count[t], -1); masked[me] = NOTHING } ->
			if
			:: skip
			:: level == 1 && memory_says(preempt_count[t] == 0) -> softirq()
			fi
		:: kind != irq
		fi;
		atomic { other_code(); masked[me] = ALL };

		if
		:: skip
		:: kind != nmi && can_be_preempted && preemptible_on_exit ->
			context_switch(NOTHING);
			setter();	/* finish_task_switch() may free page tables of the previous thread */
			masked[me] = ALL
		fi;
		exception_exit();
		atomic {
			if
			:: kind == nmi -> in_nmi[t] = false; add(preempt_count[t], -1)
			:: else
			fi;
			kind = none;
			masked[me] = NOTHING;
			top[t] = level - 1
		}
	} unless {
		atomic {
			dying[t] && top[t] == level;
			if
			:: kind == nmi -> in_nmi[t] = false
			:: else
			fi;
			kind = none;
			masked[me] = NOTHING;
			top[t] = level - 1
		}
	}
	od
}

/*
 * Threads: user mode and system calls for ever.
 */

inline long_section()
{
	section_begin;
	do
	:: setter()
	:: section_begin; section_end
#ifdef LAZY_SECTIONS_OPEN
	:: lazy_pause(); P4(reg[cpu] == CLOSED); lazy_resume()
#endif
#ifdef LAZY_OPENS
	:: other_code()				/* what the section is made of, but for setters */
#endif
#ifndef RFC
	:: softirq()				/* local_bh_enable() */
#endif
	:: context_switch(NOTHING)		/* sleeps, or preempt_enable() */
	:: break
	od;
	section_end;
	P4(reg[cpu] == CLOSED)
}

#ifndef LAZY_SECTIONS_OPEN
inline lazy_section()
{
	do
	:: other_code()
	:: setter()				/* what cannot wait */
	:: lazy_flush(NOTHING)			/* a TLB flush, or the end of an inner section */
	:: softirq()
	:: lazy_flush(NOTHING); context_switch(NOTHING)
	:: break
	od;
	lazy_flush(NOTHING)
}
#endif

proctype thread() provided (runs[cpu] == t && top[t] == 0)
{
	do
	:: {
		atomic {
			P4(reg[cpu] == CLOSED);
			P5(depth[cpu] == 0);
			/* Entry from user mode looks at the register, too; the line above says that it is closed. */
			masked[me] = NOTHING
		};
		if
		:: setter()
		:: long_section()
#ifdef LAZY_SECTIONS_OPEN
		:: lazy_pause(); lazy_resume()	/* such code need not be in a section */
#else
		:: lazy_section()
#endif
		fi;
		other_code();
		masked[me] = USER
	} unless {
		atomic {
			dying[t] && top[t] == 0;
			dying[t] = false;
			setters[t] = 0;
			preempt_count[t] = 0;
			masked[me] = NOTHING
		};
		other_code();			/* do_exit() */
		context_switch(NOTHING);
		lazy_count[t] = 0;		/* from here on a new thread with the same stack */
		lazy_paused[t] = 0;
		masked[me] = USER
	}
	od
}

/* The other thread takes no exceptions; it has a section in which it sleeps. */
proctype other_thread() provided (runs[cpu] == t)
{
	do
	:: other_code();
	   section_begin;
	   context_switch(NOTHING);
	   section_end
	od
}

init {
	byte i;

	atomic {
		masked[FRAME(0, 0)] = USER;
		masked[FRAME(1, 0)] = USER;
		runs[1] = NOBODY;
		run thread();
		i = 1;
		do
		:: i <= LEVELS -> run exception(); i++
		:: else -> break
		od;
		run other_thread();
		i = 0
	};
#ifdef INTERLEAVE
	do
	:: atomic {
		cpu = 1 - cpu;
		if
		:: runs[cpu] == NOBODY && runs[1 - cpu] == 0 -> runs[cpu] = 1
		:: runs[cpu] == NOBODY && runs[1 - cpu] == 1 -> runs[cpu] = 0
		:: else
		fi
	}
	od
#endif
}
