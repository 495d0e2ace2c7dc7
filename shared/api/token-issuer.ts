/**
 * Issuers of tokens (OpenID Connect Core 1.0, RFC 7519) that a member accepts beside its own API keys, and
 * what a token of one is good for: claims lead to identities that the member's node signs for.
 */
import { z } from 'zod';
import { parseCompactJws, parseJsonPart } from '../bytes/jws.ts';
import { IdentityNameSchema } from '../ledger/genesis.ts';
import type { Tenant } from './tenant.ts';

/** Signatures with public keys only: whoever can check a token must not be able to make one. */
const AlgorithmSchema = z.enum([
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
]);

const LOOPBACK = ['127.0.0.1', 'localhost', '[::1]'];

/** Keys are fetched by HTTPS; plain HTTP is for an issuer on the same machine. */
const endpoint = z
  .url({ protocol: /^https?$/ })
  .max(500)
  .refine((text) => {
    const url = URL.parse(text);
    // What is no URL has been told already.
    return !url || url.protocol === 'https:' || LOOPBACK.includes(url.hostname);
  }, 'expected https');

const text = z.string().min(1).max(200);

export const TokenIssuerSchema = z.strictObject({
  /** Exactly as it stands in the tokens' `iss`. */
  issuer: endpoint,
  /** Whom its tokens for this member are meant for, and the claim that says so: Cognito's access tokens have `client_id`. */
  audience: text,
  audienceClaim: z.enum(['aud', 'client_id']).default('aud'),
  /** Where its keys are; by default where its discovery document says. */
  jwksUri: endpoint.optional(),
  algorithms: z.array(AlgorithmSchema).min(1).default(['RS256', 'ES256']),
  /** The first that fits says for which identity a token is: a claim that equals, or lists, the value. */
  identities: z
    .array(
      z.strictObject({ claim: text.default('sub'), value: text, identity: IdentityNameSchema }),
    )
    .min(1)
    .max(100),
});
export type TokenIssuer = z.infer<typeof TokenIssuerSchema>;

/** A member's issuers; one of each issuer and audience. */
export const TokenIssuersSchema = z
  .array(TokenIssuerSchema)
  .max(10)
  .refine(
    (issuers) =>
      new Set(issuers.map(({ issuer, audience }) => `${issuer} ${audience}`)).size ===
      issuers.length,
    'each issuer and audience once',
  );

/** The issuers of a node's member. */
export interface TokenIssuers {
  list(): Promise<readonly TokenIssuer[]>;
  /** Absent where they stand in a file that only an operator changes. */
  replace?(issuers: readonly TokenIssuer[]): Promise<void>;
}

/** Checks tokens: the tenant of a good one, a refusal of its own for every fault. */
export interface TokenVerifier {
  verify(token: string): Promise<Tenant | Response>;
}

/** Where a gateway takes tokens to. It checks nothing of them: the member's node does. */
export interface TokenRoute {
  readonly issuer: string;
  readonly audience: string;
  readonly member: string;
}

/** Whether a bearer token has the form of a JWT (RFC 7519 §3), and not of a key of this product. */
export const looksLikeJwt = (token: string): boolean => /^[\w-]+\.[\w-]+\.[\w-]*$/.test(token);

/** The member that a token is routed to; undefined where none of the routes fits. Proves nothing. */
export function routedMember(token: string, routes: readonly TokenRoute[]): string | undefined {
  const claims = parseJsonPart(parseCompactJws(token)?.payload ?? '');
  const audiences = [claims?.aud ?? [], claims?.client_id ?? []].flat(2);
  return routes.find(
    ({ issuer, audience }) => issuer === claims?.iss && audiences.includes(audience),
  )?.member;
}
