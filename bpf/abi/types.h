/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Fixed-width types and the few compiler words that kernel-side C and user-side C++ spell differently. */
#ifndef TCPPERF_ABI_TYPES_H
#define TCPPERF_ABI_TYPES_H

typedef unsigned char tcpperf_u8;
typedef unsigned short tcpperf_u16;
typedef unsigned int tcpperf_u32;
typedef unsigned long long tcpperf_u64;

#ifdef __cplusplus
#define TCPPERF_STATIC_ASSERT(condition, message) static_assert(condition, message)
#else
#define TCPPERF_STATIC_ASSERT(condition, message) _Static_assert(condition, message)
#endif

#define TCPPERF_INLINE inline __attribute__((always_inline))

TCPPERF_STATIC_ASSERT(sizeof(tcpperf_u32) == 4 && sizeof(tcpperf_u64) == 8, "fixed widths");

#endif
