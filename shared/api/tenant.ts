/**
 * Who calls: an API key, or a token of an issuer, leads to a member and one of its identities; the identity's roles stand on the
 * ledger. Reads of a public ledger need no key. Keys travel in the Authorization header only, and
 * are never logged or echoed.
 */
import type { Genesis } from '../ledger/genesis.ts';
import type { NodeApi } from './node-api.ts';
import { problem } from './problem.ts';
import { looksLikeJwt } from './token-issuer.ts';

/** The customer behind a key. */
export interface Tenant {
  readonly member: string;
  /** Name of the identity that the member's node signs for. */
  readonly identity: string;
  readonly keyId: string;
}

/** Finds the tenant behind a key; undefined for a key that is unknown, wrong or revoked. */
export interface ApiKeyDirectory {
  find(token: string): Tenant | undefined;
}

/** The public parts of `fuqi_<member>_<keyid>_<secret>`, and its secret. */
export interface ApiKey {
  readonly member: string;
  readonly keyId: string;
  readonly secret: string;
}

const API_KEY = /^fuqi_([a-z][a-z0-9-]{0,30})_([0-9a-f]{12})_([A-Za-z0-9_-]{43})$/;

/** Takes a key apart; undefined where the text has not the form of one. */
export function parseApiKey(token: string): ApiKey | undefined {
  const [, member, keyId, secret] = API_KEY.exec(token) ?? [];
  if (member === undefined || keyId === undefined || secret === undefined) return undefined;
  return { member, keyId, secret };
}

/** The bearer token of a request (RFC 6750 §2.1); undefined without one, a response where malformed. */
export function bearerToken(request: Request): string | undefined | Response {
  const header = request.headers.get('authorization');
  if (header === null) return undefined;
  const [, token] = /^bearer +([A-Za-z0-9._~+/_-]+=*)$/i.exec(header.trim()) ?? [];
  if (token !== undefined) return token;
  return problem(
    'unauthorized',
    'The Authorization header holds another scheme; send "Authorization: Bearer <API key>".',
  );
}

/** The tenant of a request; undefined where it is anonymous, a 401 where its key is no good. */
export async function authenticate(
  request: Request,
  { keys, tokens }: Pick<NodeApi, 'keys' | 'tokens'>,
): Promise<Tenant | undefined | Response> {
  const token = bearerToken(request);
  if (token === undefined || token instanceof Response) return token;
  if (tokens && looksLikeJwt(token)) return tokens.verify(token);
  return keys.find(token) ?? unknownKey();
}

/** The answer to a key that nobody has. It doesn't say whether the id or the secret was wrong. */
export const unknownKey = (): Response =>
  problem(
    'unauthorized',
    'The API key is unknown or revoked. A key looks like fuqi_<member>_<id>_<secret>; its member issues it.',
    {},
    { 'www-authenticate': 'Bearer realm="fuqi", error="invalid_token"' },
  );

/** A refusal where the ledger is not for everyone and the caller is; undefined where it may read. */
export function refuseReading(
  visibility: Genesis['visibility'],
  tenant: Tenant | undefined,
): Response | undefined {
  if (visibility === 'public' || tenant) return undefined;
  return problem(
    'unauthorized',
    `This ledger is visible to its ${visibility === 'private' ? 'owner' : 'members'} only; send "Authorization: Bearer <API key>".`,
  );
}

/** The refusal of a call for an identity that comes without a key. */
export const keyNeeded = (): Response =>
  problem(
    'unauthorized',
    'This call acts for an identity; send "Authorization: Bearer <API key>".',
  );
