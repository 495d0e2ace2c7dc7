/** What is committed at one node is at the others a moment later. */
import { Rejected } from '../../shared/ledger/rejection.ts';
import type { LocalNetwork } from './local-network.ts';
import { until } from './until.ts';

/** Waits until a member's node has something under a key of the state. */
export const reaches = (network: LocalNetwork, member: string, key: string): Promise<void> =>
  until(async () => {
    const found = await network.service(member).state(key, undefined, false);
    return !(found instanceof Rejected) && found.value !== undefined;
  });
