/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Changes of words in maps that several CPUs may want to make at once, and locks that nobody waits for: on the same CPU
 * one program may have interrupted the other.
 *
 * Before 5.12 (kernel commit 5ffa25502b5a) BPF can add atomically, but not learn what was there before. There, the lock
 * of a word is an entry of a hash map: the kernel lets one insert it. Whoever swaps a word so must not be met by plain
 * stores to it, as with the instruction, and neither by atomic additions.
 */
#ifndef TCPPERF_LIB_ATOMICS_H
#define TCPPERF_LIB_ATOMICS_H

#ifndef TCPPERF_OLDER_KERNELS

/* True when `word` was `before`; it is `after` then. */
static __always_inline bool swap32(u32 *word, u32 before, u32 after)
{
	return __sync_val_compare_and_swap(word, before, after) == before;
}

static __always_inline bool swap64(u64 *word, u64 before, u64 after)
{
	return __sync_val_compare_and_swap(word, before, after) == before;
}

/* `word` is 0 while nobody has the lock. */
static __always_inline bool try_lock(u32 *word)
{
	return swap32(word, 0, 1);
}

static __always_inline void unlock(u32 *word)
{
	swap32(word, 1, 0); /* an atomic: what was written before is seen before */
}

#else

/*
 * The words that are locked now. Preallocated: no lock fails for want of memory, and no program holds more than two at
 * a time. Each is deleted by who inserted it.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, u64);
	__type(value, u32);
} locks SEC(".maps");

static const u32 lock_is_taken = 1;

/* The verifier takes no pointer into a map for a key, but the distance between two of them is a number. */
static __always_inline u64 lock_of(const void *word)
{
	u64 distance = (u64)word;

	asm volatile("%0 -= %1" : "+r"(distance) : "r"(&lock_is_taken));
	return distance;
}

/* The word itself stays as it is. */
static __always_inline bool try_lock(const void *word)
{
	u64 key = lock_of(word);

	return bpf_map_update_elem(&locks, &key, &lock_is_taken, BPF_NOEXIST) == 0;
}

static __always_inline void unlock(const void *word)
{
	u64 key = lock_of(word);

	bpf_map_delete_elem(&locks, &key);
}

/* For a swap: it is held for a moment only, but for one that we have interrupted ourselves. */
static __always_inline bool lock_soon(const void *word)
{
	for (u32 i = 0; i < 4; i++) {
		if (try_lock(word))
			return true;
	}
	return false;
}

/* False, too, when somebody else is about to change it. */
static __noinline bool swap32(u32 *word, u32 before, u32 after)
{
	bool swapped;

	if (!word || !lock_soon(word))
		return false;
	swapped = *(volatile u32 *)word == before;
	if (swapped)
		*(volatile u32 *)word = after;
	unlock(word);
	return swapped;
}

static __noinline bool swap64(u64 *word, u64 before, u64 after)
{
	bool swapped;

	if (!word || !lock_soon(word))
		return false;
	swapped = *(volatile u64 *)word == before;
	if (swapped)
		*(volatile u64 *)word = after;
	unlock(word);
	return swapped;
}

#endif

#endif
