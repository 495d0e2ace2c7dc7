/**
 * Final blocks: pages of them, newest first, and one by height.
 */
import { naturalText, pageQuery, readQuery } from './body.ts';
import { decodeBlockCursor, encodeBlockCursor } from './cursor.ts';
import type { BlockSummary } from './ledger-service.ts';
import { type ApiContext, consortiumPath, type NodeApi, timeText } from './node-api.ts';
import { problem } from './problem.ts';

const PAGE_DEFAULT = 20;
const PAGE_MAX = 100;

const PageQuery = pageQuery(PAGE_MAX, decodeBlockCursor);

/** A block as the API shows it: the header as it is hashed, and beside it what people read first. */
export function blockJson({ id, header, transactions }: BlockSummary): Record<string, unknown> {
  return {
    id,
    height: header.height,
    time: timeText(header.time),
    author: header.author,
    transactionCount: transactions?.length ?? null,
    header,
    transactions,
  };
}

/**
 * `GET …/blocks?limit=&cursor=`: newest first; the cursor pins the height that the first page began
 * at. A node that is behind the cursor refuses (503): its page would leave a gap.
 */
export async function getBlocks(c: ApiContext, { service }: NodeApi): Promise<Response> {
  const query = readQuery(c.req.raw, PageQuery);
  if (query instanceof Response) return query;
  const limit = query.limit ?? PAGE_DEFAULT;
  const end = ((await service.head()).header.height ?? 0) + 1;
  const before = query.cursor === undefined ? end : decodeBlockCursor(query.cursor)!;
  // Another node gave the cursor; a page from what this one has would skip the blocks between.
  if (before > end) {
    return problem('unavailable', 'This node has not yet caught up with the page before.', {
      got: before - 1,
      expected: end - 1,
    });
  }
  const blocks = await service.blocks(before, limit);
  const lowest = blocks.at(-1)?.header.height ?? 0;
  const { retained } = await service.consensus();
  const next = lowest > retained.state ? encodeBlockCursor(lowest) : null;
  const path = `${consortiumPath(service.genesis.consortium)}/blocks`;
  return c.json({ blocks: blocks.map(blockJson), next }, 200, {
    'cache-control': 'no-cache',
    ...(next === null ? {} : { link: `<${path}?cursor=${next}&limit=${limit}>; rel="next"` }),
  });
}

/** `GET …/blocks/{height}`; `head` names the newest. */
export async function getBlock(c: ApiContext, { service }: NodeApi): Promise<Response> {
  const text = c.req.param('height') ?? '';
  if (text === 'head') return c.json(blockJson(await service.head()));
  const height = naturalText().safeParse(text);
  if (!height.success) {
    return problem('bad-request', 'A height is a natural number, or "head".', {
      got: text,
      errors: [{ parameter: 'height', detail: 'expected a natural number or "head"' }],
    });
  }
  const block = await service.block(height.data);
  if (block) return c.json(blockJson(block));
  const { retained } = await service.consensus();
  if (height.data < retained.state) {
    return problem('not-retained', `This node keeps blocks from height ${retained.state} on.`, {
      got: height.data,
      expected: retained.state,
    });
  }
  const head = (await service.head()).header.height;
  return problem('not-found', `No final block has height ${text}; the head is ${head}.`, {
    got: height.data,
    expected: head,
  });
}
