/**
 * `GET …/state/{contract}/{record}/{key}`: a raw state value now or at a height, with a proof of
 * presence or absence where asked for. Absence is an answer, not an error.
 */
import { z } from 'zod';
import { LIMITS } from '../ledger/limits.ts';
import { Rejected } from '../ledger/rejection.ts';
import { naturalText, readQuery } from './body.ts';
import type { ApiContext, NodeApi } from './node-api.ts';
import { problem, problemResponse, rejectionDocument } from './problem.ts';

const StateQuery = z.strictObject({
  at: naturalText().optional(),
  proof: z.enum(['true', 'false'], 'expected true or false').optional(),
});

/** Answers {key, height, present, value, proof?}. */
export async function getState(c: ApiContext, { service }: NodeApi): Promise<Response> {
  const query = readQuery(c.req.raw, StateQuery);
  if (query instanceof Response) return query;
  const key = stateKeyOf(new URL(c.req.url).pathname);
  if (key instanceof Response) return key;
  const future = await refuseFuture(service, query.at);
  if (future) return future;
  const found = await service.state(key, query.at, query.proof === 'true');
  if (found instanceof Rejected) return problemResponse(rejectionDocument(found.rejection));
  const { height, value, proof } = found;
  return c.json({
    key,
    height,
    present: value !== undefined,
    value: value ?? null,
    ...(proof === undefined ? {} : { proof }),
  });
}

/** A refusal of a height that is not final yet. */
export async function refuseFuture(
  service: NodeApi['service'],
  at: number | undefined,
): Promise<Response | undefined> {
  if (at === undefined) return undefined;
  const head = (await service.head()).header.height ?? 0;
  if (at <= head) return undefined;
  return problem('not-found', `Height ${at} is not final yet; the head is ${head}.`, {
    got: at,
    expected: head,
    errors: [{ parameter: 'at', detail: `not final yet; the head is ${head}` }],
  });
}

/** The full state key in a path: everything after the `state` segment, percent-decoded as a whole. */
function stateKeyOf(pathname: string): string | Response {
  const refuse = (detail: string): Response =>
    problem('bad-request', detail, { errors: [{ parameter: 'key', detail }] });
  const encoded = pathname.split('/').slice(5).join('/');
  let key: string;
  try {
    key = decodeURIComponent(encoded);
  } catch {
    return refuse('The path is not valid percent-encoded UTF-8.');
  }
  if (!/^[^/]+\/[^/]+\/./u.test(key)) {
    return refuse(
      'A state key is <contract>/<record>/<key>; a slash in the key is %2F or a slash.',
    );
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for.
  if (/[\u0000-\u001f\u007f]/.test(key)) return refuse('A state key holds no control characters.');
  if (Buffer.byteLength(key) > LIMITS.stateKeyBytesMax) {
    return refuse(`A state key has at most ${LIMITS.stateKeyBytesMax} bytes.`);
  }
  return key;
}
