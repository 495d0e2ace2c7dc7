/**
 * Whether a node's stores hold nothing that waits: most alarms ring after all is done, and to find that out
 * takes a few reads and no replica.
 */
import { decodeRecord } from '../consensus/record.ts';
import { decodeBlock } from '../ledger/block.ts';
import { decodeHead } from './head.ts';
import type { Ports } from './replica.ts';

/**
 * True where nothing is held, and what was certified or voted for last is final, or an empty block on the
 * last final one. False also where that would take longer to say: at an epoch's end, while a restored node
 * asks the others, and where a body is missing.
 */
export async function isStoreIdle({
  heads,
  blocks,
  mempool,
}: Pick<Ports, 'heads' | 'blocks' | 'mempool'>): Promise<boolean> {
  const [storedHead, storedRecord, held] = await Promise.all([
    heads.read('head'),
    heads.read('safety'),
    mempool.list(),
  ]);
  if (!storedHead || !storedRecord || held.length > 0) return false;
  const { id: head, header, epoch } = decodeHead(storedHead.bytes);
  const record = decodeRecord(storedRecord.bytes);
  if (record.epoch !== epoch || record.floor === null) return false;
  const { highQc, statement } = record;
  const last = new Set([highQc.block, ...(statement?.kind === 'vote' ? [statement.block] : [])]);
  last.delete(head);
  const bodies = await Promise.all([...last].map((id) => blocks.get(id)));
  return bodies.every((body) => {
    if (!body) return false;
    const block = decodeBlock(body);
    const { height, parent } = block.header;
    if (height === null || block.header.epoch !== epoch) return false;
    // Beside or below what is final: over.
    if (height <= header.height!) return true;
    return parent === head && block.transactions.length === 0;
  });
}
