/**
 * `…/webhooks`: where this member's node sends the ledger's events; its administrators see and change them. A secret is
 * told once, by the call that made it.
 */
import { z } from 'zod';
import { WEBHOOKS_MAX, type Webhook, type Webhooks } from '../ports/webhooks.ts';
import { naturalText, readJsonObject, readQuery, refusedBody } from './body.ts';
import { decodeEventCursor, encodeEventCursor } from './cursor.ts';
import { cursorText, startOf, WhereSchema } from './events.ts';
import { refuseOthers } from './member-admin.ts';
import { type ApiContext, type NodeApi, timeText } from './node-api.ts';
import { problem } from './problem.ts';
import { refuseWhileMoving } from './vault.ts';

const BODY_BYTES_MAX = 64 * 1024;
const LETTERS = 50;
const LETTERS_MAX = 100;

const NameSchema = z.string().regex(/^[a-z][a-z0-9-]{0,39}$/);

const BodySchema = z
  .strictObject({
    url: z.url({ protocol: /^https?$/ }).max(2000),
    types: z
      .array(z.string().regex(/^[a-z][A-Za-z0-9.-]{0,99}$/, 'expected the type of an event'))
      .min(1)
      .max(50)
      .optional(),
    where: WhereSchema.optional(),
    shown: z.boolean().default(false),
    paused: z.boolean().default(false),
    cursor: cursorText.optional(),
    from: z.union([z.literal('head'), z.int().min(0)], 'expected a height or "head"').optional(),
  })
  .refine(({ cursor, from }) => cursor === undefined || from === undefined, {
    message: 'expected either a cursor or a height to begin from',
    path: ['from'],
  });

const LettersQuery = z.strictObject({
  after: cursorText
    .refine((text) => !text.includes('s'), 'expected the "next" of an earlier page')
    .optional(),
  limit: naturalText(LETTERS_MAX, 1).optional(),
});

type Answer = (c: ApiContext, node: NodeApi) => Promise<Response>;

/** Only for the member's administrators, and where the node can keep secrets. */
const forAdministrators =
  (answer: (c: ApiContext, node: NodeApi, webhooks: Webhooks) => Promise<Response>): Answer =>
  async (c, node) => {
    const refused = (await refuseOthers(c, node)) ?? (await refuseWhileMoving(node.service));
    if (refused) return refused;
    if (node.webhooks) return answer(c, node, node.webhooks);
    return problem(
      'no-vault',
      `The node of ${node.service.member} has no vault key, by which webhooks’ secrets are kept; its operator makes one.`,
    );
  };

const json = (c: ApiContext, body: object, status: 200 | 201 = 200): Response =>
  c.json(body, status, { 'cache-control': 'no-store' });

const noSuch = (name: string): Response =>
  problem('not-found', `There is no webhook ${name.slice(0, 40)}.`);

/** A webhook as the API tells it. */
const shown = ({ retryAt, lastDeliveredAt, ...rest }: Webhook) => ({
  ...rest,
  retryAt: retryAt === null ? null : timeText(retryAt),
  lastDeliveredAt: lastDeliveredAt === null ? null : timeText(lastDeliveredAt),
});

const nameOf = (c: ApiContext): string => c.req.param('name') ?? '';

/** `GET …/webhooks`. */
export const getWebhooks = forAdministrators(async (c, _node, webhooks) =>
  json(c, { webhooks: (await webhooks.list()).map(shown) }),
);

/** `GET …/webhooks/{name}`. */
export const getWebhook = forAdministrators(async (c, _node, webhooks) => {
  const webhook = await webhooks.get(nameOf(c));
  return webhook ? json(c, shown(webhook)) : noSuch(nameOf(c));
});

/** `PUT …/webhooks/{name}`: makes it, or changes and resumes it. */
export const putWebhook = forAdministrators(async (c, { service }, webhooks) => {
  const name = nameOf(c);
  if (!NameSchema.safeParse(name).success) {
    const detail = 'expected lower-case letters, digits and dashes, 40 at the most, a letter first';
    return problem('bad-request', `The name of a webhook: ${detail}.`, {
      errors: [{ parameter: 'name', detail }],
    });
  }
  const body = await readJsonObject(c.req.raw, BODY_BYTES_MAX);
  if (body instanceof Response) return body;
  const parsed = BodySchema.safeParse(body);
  if (!parsed.success) return refusedBody(parsed.error);
  const { cursor, from, types = null, where = null, ...rest } = parsed.data;
  const why = webhooks.refuses(rest.url);
  if (why !== undefined) {
    return problem('bad-request', `/url: ${why}.`, { errors: [{ pointer: '/url', detail: why }] });
  }
  const isTold = cursor !== undefined || from !== undefined;
  const start = encodeEventCursor(await startOf(undefined, cursor, from ?? 'head', service));
  const put = await webhooks.put(name, { ...rest, types, where }, { cursor: start, isTold });
  if (!put) {
    return problem('limit-exceeded', `A member has ${WEBHOOKS_MAX} webhooks at the most.`, {
      expected: WEBHOOKS_MAX,
    });
  }
  const { webhook, secret } = put;
  return secret === undefined
    ? json(c, shown(webhook))
    : json(c, { ...shown(webhook), secret }, 201);
});

/** `DELETE …/webhooks/{name}`: nothing is sent any more. */
export const deleteWebhook = forAdministrators(async (c, _node, webhooks) =>
  (await webhooks.remove(nameOf(c))) ? c.body(null, 204) : noSuch(nameOf(c)),
);

/** `POST …/webhooks/{name}/secret`: another secret; the old one signs, too, for a day. */
export const postWebhookSecret = forAdministrators(async (c, _node, webhooks) => {
  const secret = await webhooks.renewSecret(nameOf(c));
  return secret === undefined ? noSuch(nameOf(c)) : json(c, { secret });
});

/** `GET …/webhooks/{name}/dead-letters`: a page of what the endpoint refused. */
export const getDeadLetters = forAdministrators(async (c, _node, webhooks) => {
  const query = readQuery(c.req.raw, LettersQuery);
  if (query instanceof Response) return query;
  const limit = query.limit ?? LETTERS;
  if (!(await webhooks.get(nameOf(c)))) return noSuch(nameOf(c));
  const letters = await webhooks.deadLetters(nameOf(c), query.after, limit);
  const deadLetters = letters.map(({ at, ...rest }) => ({ ...rest, at: timeText(at) }));
  const next = letters.length < limit ? null : letters.at(-1)!.cursor;
  return json(c, { deadLetters, next });
});

/** `POST …/webhooks/{name}/dead-letters/{cursor}`: sends it again, now. */
export const postDeadLetter = forAdministrators(async (c, _node, webhooks) => {
  const cursor = c.req.param('cursor') ?? '';
  const why = decodeEventCursor(cursor) && (await webhooks.redeliver(nameOf(c), cursor));
  if (why === undefined) return problem('not-found', 'There is no such dead letter.');
  if (why === null) return json(c, { cursor, delivered: true });
  return problem('webhook-refused', `The webhook’s endpoint did not take it: ${why}.`);
});
