/**
 * How the engine's heap grows in a node's process: half the memory at the same throughput
 * (docs/performance.md). The first line of `cli.ts` says the same, for who starts a node with it.
 */
export const HEAP_FLAGS = ['--max-semi-space-size=16', '--heap-growing-percent=150'] as const;
