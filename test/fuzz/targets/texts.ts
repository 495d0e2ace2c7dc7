/** Short texts from queries, headers, links and files: cursors, tokens, keys, invitations, preferences. */
import assert from 'node:assert/strict';
import { invitationLink, parseInvitationLink } from '../../../node/invitation-link.ts';
import { verifyPeerToken } from '../../../node/peer-token.ts';
import { UserError } from '../../../node/user-error.ts';
import {
  decodeBlockCursor,
  decodeEventCursor,
  decodeTransactionCursor,
  encodeBlockCursor,
  encodeEventCursor,
  encodeTransactionCursor,
} from '../../../shared/api/cursor.ts';
import { invitationToken, parseInvitationToken } from '../../../shared/api/join.ts';
import { waitPreference } from '../../../shared/api/prefer.ts';
import { requestAbout } from '../../../shared/api/request-id.ts';
import { bearerToken, parseApiKey } from '../../../shared/api/tenant.ts';
import { routedMember } from '../../../shared/api/token-issuer.ts';
import type { Digest } from '../../../shared/bytes/digest.ts';
import { parseCompactJws } from '../../../shared/bytes/jws.ts';
import { fromBase64Url, fromHex, toBase64Url, toHex } from '../../../shared/bytes/text.ts';
import { LIMITS } from '../../../shared/ledger/limits.ts';
import { accepted, textOf } from '../invariant.ts';

export function fuzz(data: Uint8Array): void {
  const text = textOf(data);
  checkCursors(text);
  checkCodes(text);
  checkHeaders(text);
  checkInvitations(text);
}

function checkCursors(text: string): void {
  const event = decodeEventCursor(text);
  if (event) assert.equal(encodeEventCursor(event), text);
  const block = decodeBlockCursor(text);
  if (block !== undefined) assert.equal(encodeBlockCursor(block), text);
  const transaction = decodeTransactionCursor(text);
  if (transaction) assert.equal(encodeTransactionCursor(transaction), text);
}

function checkCodes(text: string): void {
  const bytes = fromBase64Url(text);
  if (bytes) assert.equal(toBase64Url(bytes), text);
  const hex = accepted(() => fromHex(text));
  if (hex) assert.equal(toHex(hex), text.toLowerCase());
  const jws = parseCompactJws(text);
  if (jws) {
    const { payload, signatures } = jws;
    assert.equal(
      `${signatures[0]!.protected}.${payload}.${toBase64Url(signatures[0]!.signature)}`,
      text,
    );
  }
}

/** What a header may hold: the platform refuses other characters. */
function headersOf(name: string, text: string): Headers | undefined {
  try {
    return new Headers({ [name]: text });
  } catch {
    return undefined;
  }
}

function checkHeaders(text: string): void {
  const { waitMs } = waitPreference(text, 7);
  assert.ok(waitMs >= 0 && waitMs <= LIMITS.waitMsMax);
  const { requestId, traceId } = requestAbout(() => text);
  assert.match(requestId, /^[\w.-]{8,64}$/);
  if (traceId !== undefined) assert.match(traceId, /^[0-9a-f]{32}$/);
  const headers = headersOf('authorization', text);
  if (headers) {
    const token = bearerToken(new Request('http://node/', { headers }));
    if (token instanceof Response) assert.equal(token.status, 401);
  }
  const key = parseApiKey(text);
  if (key) assert.equal(`fuqi_${key.member}_${key.keyId}_${key.secret}`, text);
  const route = { issuer: 'https://issuer', audience: 'fuqi', member: 'alpha' };
  assert.ok([undefined, 'alpha'].includes(routedMember(text, [route])));
  // Nobody has a key here, so no token is good.
  const ledger = '0'.repeat(64) as Digest;
  const check = { ledger, audience: 'alpha', keysOf: () => [], token: text, now: 0 };
  assert.equal(verifyPeerToken(check), undefined);
}

function checkInvitations(text: string): void {
  const token = parseInvitationToken(text);
  if (token) assert.equal(invitationToken(token), text);
  try {
    const link = parseInvitationLink(text);
    assert.deepEqual(parseInvitationLink(invitationLink(link)), link);
  } catch (error) {
    // It is shown to whoever gave the link, who may show it on.
    if (!(error instanceof UserError)) throw error;
    const [, secret] = /fuqi-invitation_(.*)$/s.exec(text) ?? [];
    if (secret !== undefined && secret.length > 20) assert.ok(!error.message.includes(secret));
  }
}
