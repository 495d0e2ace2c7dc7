/** How many validators may be faulty, and how many have to agree: functions of their number alone. */

/** f = ⌊(n−1)/3⌋: how many validators may be Byzantine. */
export const faultsTolerated = (n: number): number => Math.floor((n - 1) / 3);

/** q = ⌈(n+f+1)/2⌉: any two quorums share a correct validator. 2f+1 when n = 3f+1. */
export const quorumSize = (n: number): number => Math.ceil((n + faultsTolerated(n) + 1) / 2);
