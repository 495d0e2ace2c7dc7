/** A node of `bench:confidential`: the product's own, with one more contract. Says "ready" when it answers. */
import { pino } from 'pino';
import { startNode } from '../../node/server.ts';
import type { Digest } from '../../shared/bytes/digest.ts';
import { catalog } from '../../shared/contract/catalog.ts';
import { contracts } from '../../workloads/catalog.ts';
import { notes } from './notes-contract.ts';

export const NOTES = { contract: notes, codeHash: '44'.repeat(32) as Digest };

if (import.meta.main) {
  const [config] = process.argv.slice(2);
  const all = catalog([...contracts.entries, NOTES]);
  const node = await startNode(config!, pino({ level: 'warn' }), { catalog: all });
  process.send!('ready');
  process.once('SIGTERM', () => void node.stop());
}
