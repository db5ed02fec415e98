/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The kernel histogram: a Prometheus native histogram of schema 3, built in place.
 *
 * A value is an unsigned integer: time in units of 2^-30 s (0.93 ns), a ratio in units of 2^-20, everything else in
 * its own unit (bytes, segments). Bucket i holds the values v with 2^((i-1)/8) < v <= 2^(i/8): eight buckets per power
 * of two, each 9 % wide, upper border included as Prometheus' `le` wants it. Value 0 has a bucket of its own.
 *
 * Bucket i here is bucket i + 8 * e of the native histogram in the base unit, where one unit is 2^e (e = -30 for
 * time, -20 for ratios, 0 otherwise). So native exposition is exact, and so is any classic `le` at a border 2^(k/8).
 *
 * Plain C, compiled into the BPF programs and into the unit tests: one definition of the index for both.
 */
#ifndef TCPPERF_ABI_HISTOGRAM_H
#define TCPPERF_ABI_HISTOGRAM_H

#include "types.h"

#define TCPPERF_HISTOGRAM_SCHEMA 3
#define TCPPERF_HISTOGRAM_PER_OCTAVE 8
/* Borders up to 2^60 units: 34 years of 2^-30 s. Larger values are counted in the last bucket. */
#define TCPPERF_HISTOGRAM_BUCKETS 481
/* One unit of a time histogram is 2^TCPPERF_TIME_EXPONENT seconds. */
#define TCPPERF_TIME_EXPONENT (-30)
/* Likewise of a histogram of ratios. */
#define TCPPERF_RATIO_EXPONENT (-20)

/* One page, so that an mmapped array of them is an array of pages. */
struct tcpperf_histogram {
	tcpperf_u64 sum;  /* of the values, in units, modulo 2^64 */
	tcpperf_u64 zero; /* observations of value 0 */
	tcpperf_u64 bucket[TCPPERF_HISTOGRAM_BUCKETS];
	tcpperf_u64 reserved[29];
};

TCPPERF_STATIC_ASSERT(sizeof(struct tcpperf_histogram) == 4096, "a histogram fills one page");

/*
 * floor(2^63 * 2^(k/8)) for k = 1..7: a value scaled so that its highest bit is bit 63 lies above the inner border k
 * exactly when it is greater than this number (the border itself is irrational, so equality cannot happen).
 */
#define TCPPERF_BORDER_1 0x8b95c1e3ea8bd6e6ULL
#define TCPPERF_BORDER_2 0x9837f0518db8a96fULL
#define TCPPERF_BORDER_3 0xa5fed6a9b15138eaULL
#define TCPPERF_BORDER_4 0xb504f333f9de6484ULL
#define TCPPERF_BORDER_5 0xc5672a115506daddULL
#define TCPPERF_BORDER_6 0xd744fccad69d6af4ULL
#define TCPPERF_BORDER_7 0xeac0c6e7dd24392eULL

/* ceil(8 * log2(value)), at most TCPPERF_HISTOGRAM_BUCKETS - 1. Precondition: value > 0. */
static TCPPERF_INLINE tcpperf_u32 tcpperf_histogram_index(tcpperf_u64 value)
{
	tcpperf_u32 octave = 63;
	tcpperf_u32 inner;

	/* Move the highest set bit to bit 63. A ladder, because the BPF target has no count-leading-zeros. */
	if (!(value >> 32)) {
		value <<= 32;
		octave -= 32;
	}
	if (!(value >> 48)) {
		value <<= 16;
		octave -= 16;
	}
	if (!(value >> 56)) {
		value <<= 8;
		octave -= 8;
	}
	if (!(value >> 60)) {
		value <<= 4;
		octave -= 4;
	}
	if (!(value >> 62)) {
		value <<= 2;
		octave -= 2;
	}
	if (!(value >> 63)) {
		value <<= 1;
		octave -= 1;
	}
	if (octave >= (TCPPERF_HISTOGRAM_BUCKETS - 1) / TCPPERF_HISTOGRAM_PER_OCTAVE)
		return TCPPERF_HISTOGRAM_BUCKETS - 1;
	if (value == 1ULL << 63)
		return octave * TCPPERF_HISTOGRAM_PER_OCTAVE;

	if (value > TCPPERF_BORDER_4) {
		if (value > TCPPERF_BORDER_6)
			inner = value > TCPPERF_BORDER_7 ? 8 : 7;
		else
			inner = value > TCPPERF_BORDER_5 ? 6 : 5;
	} else {
		if (value > TCPPERF_BORDER_2)
			inner = value > TCPPERF_BORDER_3 ? 4 : 3;
		else
			inner = value > TCPPERF_BORDER_1 ? 2 : 1;
	}
	return octave * TCPPERF_HISTOGRAM_PER_OCTAVE + inner;
}

/*
 * Microseconds and nanoseconds in units of 2^-30 s, rounded up, so that a value is at or below a power-of-two border
 * after scaling exactly when it was before. Microseconds: 2^30 / 10^6 = 2^24 / 15625, no overflow below 2^40 us.
 * Nanoseconds: whole seconds apart from the rest, no overflow below 2^64 ns.
 */
static TCPPERF_INLINE tcpperf_u64 tcpperf_time_from_us(tcpperf_u32 us)
{
	return (((tcpperf_u64)us << 24) + 15624) / 15625;
}

static TCPPERF_INLINE tcpperf_u64 tcpperf_time_from_ns(tcpperf_u64 ns)
{
	tcpperf_u64 seconds = ns / 1000000000;
	tcpperf_u64 rest = ns - seconds * 1000000000;

	return (seconds << 30) + ((rest << 30) + 999999999) / 1000000000;
}

/* A ratio in units of 2^-20, rounded up for the same reason. Precondition: whole > 0. */
static TCPPERF_INLINE tcpperf_u64 tcpperf_ratio(tcpperf_u32 part, tcpperf_u32 whole)
{
	return (((tcpperf_u64)part << -TCPPERF_RATIO_EXPONENT) + whole - 1) / whole;
}

#endif
