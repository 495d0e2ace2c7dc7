/**
 * Checks issuers' tokens with jose: signature by the issuer's published keys, algorithm on the issuer's
 * list, `iss`, audience, `exp` and `nbf`; then the claims lead to an identity. Keys are fetched with
 * bounds of time and size and kept; a token with an unknown key has them fetched again, but not often.
 */
import { createRemoteJWKSet, customFetch, errors, type JWTVerifyGetKey, jwtVerify } from 'jose';
import { z } from 'zod';
import { type ProblemCode, problem } from '../shared/api/problem.ts';
import type { Tenant } from '../shared/api/tenant.ts';
import type { TokenIssuer, TokenVerifier } from '../shared/api/token-issuer.ts';
import { parseCompactJws, parseJsonPart } from '../shared/bytes/jws.ts';
import { boundedFetch } from './bounded-fetch.ts';

export interface TokenVerifierOptions {
  /** Whose identities tokens lead to. */
  readonly member: string;
  readonly issuers: () => Promise<readonly TokenIssuer[]>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly onFault?: (issuer: string, error: unknown) => void;
}

const TOKEN_CHARACTERS_MAX = 8 * 1024;
/** Clocks of issuers differ by this at the most. */
const CLOCK_TOLERANCE_S = 30;
const FETCH_MS = 3000;
const KEYS_MS_MAX = 10 * 60_000;
/** Keys are not asked for again within this, whatever tokens come. */
const PAUSE_MS = 30_000;

const DiscoverySchema = z.object({ issuer: z.string(), jwks_uri: z.url() });

/** The issuer's keys can't be had: no fault of the token. */
class Unavailable extends Error {}

/** Builds the verifier; it keeps the issuers' keys. */
export function tokenVerifier(options: TokenVerifierOptions): TokenVerifier {
  const { member, now, onFault } = options;
  const keySets = new Map<string, KeySet>();

  async function keysOf(issuer: TokenIssuer): Promise<JWTVerifyGetKey> {
    const name = `${issuer.issuer} ${issuer.jwksUri ?? ''}`;
    const known = keySets.get(name);
    if (known && !(known.failedAt && now() - known.failedAt > PAUSE_MS)) return known.keys;
    const opening: KeySet = { keys: openKeys(issuer), failedAt: 0 };
    keySets.set(name, opening);
    opening.keys.catch(() => {
      opening.failedAt = now();
    });
    return opening.keys;
  }

  return {
    async verify(token) {
      const jws = token.length > TOKEN_CHARACTERS_MAX ? undefined : parseCompactJws(token);
      const header = jws && parseJsonPart(jws.signatures[0]!.protected);
      const claims = jws && parseJsonPart(jws.payload);
      if (!header || !claims) {
        return refusal('token-malformed', 'The bearer token is neither an API key nor a JWT.');
      }
      const ofIssuer = (await options.issuers()).filter(({ issuer }) => issuer === claims.iss);
      if (ofIssuer.length === 0) {
        return refusal('token-issuer', `${member} accepts no tokens of this issuer.`, claims.iss);
      }
      const audiences = (issuer: TokenIssuer) => [claims[issuer.audienceClaim] ?? []].flat();
      const issuer = ofIssuer.find((one) => audiences(one).includes(one.audience));
      if (!issuer) {
        const expected = ofIssuer.map(({ audience }) => audience);
        return refusal('token-audience', 'The token is meant for somebody else.', null, expected);
      }
      const { algorithms } = issuer;
      if (!algorithms.some((algorithm) => algorithm === header.alg)) {
        const detail = 'The token is signed with an algorithm that is not accepted of its issuer.';
        return refusal('token-algorithm', detail, header.alg, algorithms);
      }
      try {
        const keys = await keysOf(issuer);
        const { payload } = await jwtVerify(token, keys, {
          issuer: issuer.issuer,
          algorithms,
          ...(issuer.audienceClaim === 'aud' && { audience: issuer.audience }),
          requiredClaims: ['exp', issuer.audienceClaim],
          clockTolerance: CLOCK_TOLERANCE_S,
          currentDate: new Date(now()),
        });
        return identified(issuer, payload, member);
      } catch (error) {
        const refused = refusalOf(error);
        if (refused) return refused;
        onFault?.(issuer.issuer, error);
        const { hostname } = new URL(issuer.issuer);
        return problem('issuer-unavailable', `The keys of ${hostname} can't be had just now.`);
      }
    },
  };
}

interface KeySet {
  readonly keys: Promise<JWTVerifyGetKey>;
  /** When it could not be opened; 0 where it could. */
  failedAt: number;
}

async function openKeys(issuer: TokenIssuer): Promise<JWTVerifyGetKey> {
  return createRemoteJWKSet(new URL(issuer.jwksUri ?? (await discovered(issuer.issuer))), {
    timeoutDuration: FETCH_MS,
    cooldownDuration: PAUSE_MS,
    cacheMaxAge: KEYS_MS_MAX,
    [customFetch]: boundedFetch,
  });
}

/** OpenID Connect Discovery 1.0 §4: the document says where the keys are, and has to name its issuer. */
async function discovered(issuer: string): Promise<string> {
  const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const response = await boundedFetch(url, { signal: AbortSignal.timeout(FETCH_MS) });
  if (!response.ok) throw new Unavailable(`${url} answered ${response.status}`);
  const document = DiscoverySchema.parse(await response.json());
  if (document.issuer !== issuer) throw new Unavailable(`${url} is of another issuer`);
  if (issuer.startsWith('https:') && !document.jwks_uri.startsWith('https:')) {
    throw new Unavailable(`${url} names keys without https`);
  }
  return document.jwks_uri;
}

function identified(
  issuer: TokenIssuer,
  payload: Readonly<Record<string, unknown>>,
  member: string,
): Tenant | Response {
  const found = issuer.identities.find(({ claim, value }) =>
    [payload[claim]].flat().includes(value),
  );
  if (found) return { member, identity: found.identity, keyId: 'token' };
  const expected = [...new Set(issuer.identities.map(({ claim }) => claim))];
  return problem(
    'token-identity',
    `The token is good, but no identity of ${member} belongs to its claims.`,
    { expected },
  );
}

/** What is wrong with the token; undefined where it is not the token. */
function refusalOf(error: unknown): Response | undefined {
  if (error instanceof errors.JWTExpired) {
    return refusal('token-expired', 'The token has expired; get a new one from its issuer.');
  }
  if (error instanceof errors.JWTClaimValidationFailed) {
    const { claim } = error;
    if (claim === 'nbf') return refusal('token-not-yet-valid', 'The token is not valid yet.');
    if (claim === 'aud') return refusal('token-audience', 'The token is meant for somebody else.');
    return refusal('token-malformed', `The claim "${claim}" is missing or wrong.`);
  }
  if (error instanceof errors.JWSSignatureVerificationFailed) {
    return refusal('token-signature', 'The signature of the token does not verify.');
  }
  if (
    error instanceof errors.JWKSNoMatchingKey ||
    error instanceof errors.JWKSMultipleMatchingKeys
  ) {
    return refusal('token-key', 'The issuer publishes no key for this token (its kid and alg).');
  }
  if (error instanceof errors.JWSInvalid || error instanceof errors.JWTInvalid) {
    return refusal('token-malformed', 'The bearer token is no well-formed JWT.');
  }
  return undefined;
}

const refusal = (
  code: ProblemCode,
  detail: string,
  got: unknown = null,
  expected?: readonly string[],
): Response =>
  problem(
    code,
    detail,
    { ...(typeof got === 'string' && { got }), ...(expected && { expected }) },
    { 'www-authenticate': 'Bearer realm="fuqi", error="invalid_token"' },
  );
