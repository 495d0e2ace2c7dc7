/** What a node does with its vault by itself, whenever it starts, is woken, or has just got it from another node of its member. */
import { startDelivering } from './deliver.ts';
import { lookForErasures } from './erasures.ts';
import { startFetchingAttachments } from './fetch-attachments.ts';
import type { Replica } from './replica.ts';

/** Begins it in the background; nothing of it is done where the vault is with another node. */
export function startVaultWork(replica: Replica): void {
  startDelivering(replica);
  startFetchingAttachments(replica);
  lookForErasures(replica);
}
