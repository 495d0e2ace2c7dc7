/**
 * How memory grows in a node's process: half of it at the same throughput (docs/performance.md). The first line
 * of `cli.ts` says the same, for who starts a node with it.
 */

/** Of the engine's heap. */
export const HEAP_FLAGS = ['--max-semi-space-size=16', '--heap-growing-percent=150'] as const;

/** Of what threads allocate beside it: glibc gives each its own arena otherwise, and what is free in one serves no other. */
export const ALLOCATOR_ENVIRONMENT = { MALLOC_ARENA_MAX: '2' } as const;
