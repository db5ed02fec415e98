/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Arrays that user space reads through mmap, and the two ways to write them. */
#ifndef TCPPERF_LIB_MAPS_H
#define TCPPERF_LIB_MAPS_H

#include "abi/histogram.h"
#include "lib/atomics.bpf.h"

/* An array of u64 counters. */
#define COUNTER_ARRAY(name, entries)                                                                                   \
	struct {                                                                                                       \
		__uint(type, BPF_MAP_TYPE_ARRAY);                                                                      \
		__uint(map_flags, BPF_F_MMAPABLE);                                                                     \
		__uint(max_entries, entries);                                                                          \
		__type(key, u32);                                                                                      \
		__type(value, u64);                                                                                    \
	} name SEC(".maps")

/* An array of histograms, one page each. */
#define HISTOGRAM_ARRAY(name, entries)                                                                                 \
	struct {                                                                                                       \
		__uint(type, BPF_MAP_TYPE_ARRAY);                                                                      \
		__uint(map_flags, BPF_F_MMAPABLE);                                                                     \
		__uint(max_entries, entries);                                                                          \
		__type(key, u32);                                                                                      \
		__type(value, struct tcpperf_histogram);                                                               \
	} name SEC(".maps")

/* All CPUs write the same words, so every write is atomic. */
static __always_inline void count_in(void *counters, u32 index, u64 amount)
{
	u64 *counter;

	if (!amount)
		return;
	counter = bpf_map_lookup_elem(counters, &index);
	if (counter)
		__sync_fetch_and_add(counter, amount);
}

/*
 * So many observations of `value`, which is in the histogram's unit; of none it changes nothing. The sum and the bucket
 * are two writes: a reader may see one without the other.
 */
static __always_inline void observe_times_in(void *histograms, u32 index, u64 value, u32 times)
{
	struct tcpperf_histogram *h = bpf_map_lookup_elem(histograms, &index);
	u64 bucket;

	if (!h)
		return;
	if (value == 0) {
		__sync_fetch_and_add(&h->zero, times);
		return;
	}
	__sync_fetch_and_add(&h->sum, value * times);
	bucket = tcpperf_histogram_index(value);
	/* The compiler knows this bound and would drop the check; the verifier needs to see it. */
	barrier_var(bucket);
	if (bucket < TCPPERF_HISTOGRAM_BUCKETS)
		__sync_fetch_and_add(&h->bucket[bucket], times);
}

static __always_inline void observe_in(void *histograms, u32 index, u64 value)
{
	observe_times_in(histograms, index, value, 1);
}

/*
 * Raises the highest value that was seen; false when other CPUs did so at the same time, again and again, and the value
 * may still be higher than what is there.
 */
static __always_inline bool raise_in(void *highest, u32 index, u64 value)
{
	u64 *word = bpf_map_lookup_elem(highest, &index);
	u64 before;

	if (!word)
		return true;
#pragma unroll
	for (int i = 0; i < 8; i++) {
		before = *(volatile u64 *)word;
		if (before >= value || swap64(word, before, value))
			return true;
	}
	return false;
}

/*
 * How far `now`, a counter of the kernel's, is ahead of what was seen of it, which then is `now`. The sampling and the
 * hooks may do this at once: each step is counted by one of them. 0 when the other was faster, or `now` went back.
 */
static __always_inline u32 advance32(u32 *seen, u32 now)
{
	u32 before = *(volatile u32 *)seen;

	if ((s32)(now - before) <= 0 || !swap32(seen, before, now))
		return 0;
	return now - before;
}

static __always_inline u64 advance64(u64 *seen, u64 now)
{
	u64 before = *(volatile u64 *)seen;

	if ((s64)(now - before) <= 0 || !swap64(seen, before, now))
		return 0;
	return now - before;
}

#endif
