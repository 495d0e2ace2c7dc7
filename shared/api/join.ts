/**
 * The door for a member to be: `…/join`, for whoever has an invitation's secret. The node of the member
 * that invited takes each next step for it, signed by the administrator who invited; asking again
 * is harmless, and says how far it has come.
 */
import { z } from 'zod';
import { toValue, type Value } from '../bytes/cbor.ts';
import { jwkThumbprint } from '../bytes/crypto.ts';
import { fromBase64Url, toBase64Url } from '../bytes/text.ts';
import { AdmissionSchema } from '../contract/governance-action.ts';
import { invitationId } from '../contract/governance-invitation.ts';
import { ProgressSchema } from '../contract/governance-invitation-record.ts';
import { SYSTEM_KEYS, VAULT_IDENTITY } from '../contract/system-records.ts';
import { GenesisMemberSchema } from '../ledger/genesis.ts';
import { LIMITS } from '../ledger/limits.ts';
import { Rejected } from '../ledger/rejection.ts';
import { readJsonObject } from './body.ts';
import type { LedgerService } from './ledger-service.ts';
import type { ApiContext, NodeApi } from './node-api.ts';
import { outcomeResponse, problemOf } from './outcome.ts';
import { waitPreference } from './prefer.ts';
import { problem } from './problem.ts';
import { bearerToken } from './tenant.ts';

/** An invitation as its holder has it. */
export interface InvitationToken {
  /** The member that invited: its node takes the steps. */
  readonly inviter: string;
  /** 32 bytes. */
  readonly secret: Uint8Array;
}

const TOKEN = /^fuqi-invitation_([a-z][a-z0-9-]{0,30})_([A-Za-z0-9_-]{43})$/;

/** `fuqi-invitation_<inviter>_<secret>`; undefined where a text has not this form. */
export function parseInvitationToken(text: string): InvitationToken | undefined {
  const [, inviter, encoded] = TOKEN.exec(text) ?? [];
  const secret = encoded === undefined ? undefined : fromBase64Url(encoded);
  return inviter === undefined || !secret ? undefined : { inviter, secret };
}

/** The text of a token. */
export const invitationToken = ({ inviter, secret }: InvitationToken): string =>
  `fuqi-invitation_${inviter}_${toBase64Url(secret)}`;

/** What `…/join` answers: the invitation's progress, and what a member to be has to know. */
export const JoinSchema = z.strictObject({
  invitation: ProgressSchema,
  consortium: z.string(),
  ledger: z.string(),
  genesis: z.unknown(),
});
export type Join = z.infer<typeof JoinSchema>;
type Progress = Join['invitation'];

const BODY_BYTES_MAX = 64 * 1024;
const BodySchema = z.strictObject({
  /** What the members vote on: the public keys, hosting and first identities of the member to be. */
  member: GenesisMemberSchema.optional(),
});

/** `GET …/join`: how far it has come. */
export async function getJoin(c: ApiContext, node: NodeApi): Promise<Response> {
  const found = await invitationOf(c.req.raw, node.service);
  return found instanceof Response ? found : answer(node.service, found.progress);
}

/** `POST …/join`: takes the next step, if it is time for one; `Prefer: wait` says how long to wait for it. */
export async function postJoin(c: ApiContext, node: NodeApi): Promise<Response> {
  const { service } = node;
  const found = await invitationOf(c.req.raw, service);
  if (found instanceof Response) return found;
  const body = await readJsonObject(c.req.raw, BODY_BYTES_MAX);
  if (body instanceof Response) return body;
  const parsed = BodySchema.safeParse(body);
  if (!parsed.success) {
    const errors = parsed.error.issues.map(({ path, message }) => ({
      pointer: `/${path.join('/')}`,
      detail: message,
    }));
    const [first] = errors;
    return problem('bad-request', `${first!.pointer}: ${first!.detail}.`, { errors });
  }
  const { secret, progress } = found;
  const { member } = parsed.data;
  if (progress.status === 'open') {
    if (!member) {
      return problem('bad-request', 'Send the member to be, as {"member": {…}}.', {
        pointer: '/member',
        expected: 'a member with its public keys',
      });
    }
    const args = { id: progress.id, secret: toBase64Url(secret), member };
    return step(c, node, progress, {
      contract: 'governance',
      method: 'accept',
      args: toValue(args),
    });
  }
  if (progress.joined && !progress.enrolled && progress.moves) {
    return registerNew(c, node, progress);
  }
  if (progress.joined && !progress.enrolled) {
    const args = { member: progress.member };
    return step(c, node, progress, { contract: 'identity', method: 'enrol', args });
  }
  return answer(service, progress);
}

/** `DELETE …/join`: the member to be changed its mind. */
export async function deleteJoin(c: ApiContext, node: NodeApi): Promise<Response> {
  const found = await invitationOf(c.req.raw, node.service);
  if (found instanceof Response) return found;
  const { progress } = found;
  const { id, proposal, votes } = progress;
  if (progress.status === 'open') {
    return step(c, node, progress, {
      contract: 'governance',
      method: 'revokeInvitation',
      args: { id },
    });
  }
  if (proposal && votes && (votes.status === 'open' || votes.status === 'approved')) {
    const args = { id: proposal };
    return step(c, node, progress, { contract: 'governance', method: 'withdraw', args });
  }
  return answer(node.service, progress);
}

/** The invitation that a request's token is for; a 401 where this node knows none. */
async function invitationOf(
  request: Request,
  service: LedgerService,
): Promise<{ readonly secret: Uint8Array; readonly progress: Progress } | Response> {
  const text = bearerToken(request);
  if (text instanceof Response) return text;
  const token = text === undefined ? undefined : parseInvitationToken(text);
  const progress = token && (await progressOf(service, invitationId(token.secret)));
  if (!token || progress?.inviter.member !== service.member) {
    return problem(
      'unauthorized',
      'Send "Authorization: Bearer <invitation>": fuqi-invitation_<member>_<secret>, as the member that invited handed it out.',
      {},
      { 'www-authenticate': 'Bearer realm="fuqi", error="invalid_token"' },
    );
  }
  return { secret: token.secret, progress };
}

async function progressOf(service: LedgerService, id: string): Promise<Progress | undefined> {
  const found = await service.query('governance', 'invitation', { id }, undefined);
  return found instanceof Rejected ? undefined : ProgressSchema.parse(found.output);
}

/**
 * Registers the identities of a member's new node, beside those of the old one: a name that is in use gets the
 * next number. The vault has one key, to which others encrypt: where there is one, the new node registers its own when it
 * has taken the vault over.
 */
async function registerNew(c: ApiContext, node: NodeApi, progress: Progress): Promise<Response> {
  const { service } = node;
  const { member } = progress;
  const admitted = await service.state(SYSTEM_KEYS.admission(member), undefined, false);
  const listed = await service.query('identity', 'keys', { member, limit: 100 }, undefined);
  if (admitted instanceof Rejected || listed instanceof Rejected) {
    throw new Error(`the identities of ${member} can't be read`);
  }
  const { identities } = AdmissionSchema.parse(admitted.value);
  const registered = RegisteredSchema.parse(listed.output).identities;
  const keyIds = new Set(registered.map(({ keyId }) => keyId));
  const names = new Set(registered.map(({ name }) => name));
  let answered = answer(service, progress);
  for (const { name, key, roles } of identities) {
    if (keyIds.has(jwkThumbprint(key))) continue;
    if (name === VAULT_IDENTITY && names.has(name)) continue;
    const free = freeName(name, names);
    names.add(free);
    const args = toValue({ name: free, jwk: key, roles });
    answered = await step(c, node, progress, { contract: 'identity', method: 'register', args });
    if (!answered.ok) break;
  }
  return answered;
}

const RegisteredSchema = z.object({
  identities: z.array(z.object({ keyId: z.string(), name: z.string() })),
});

function freeName(name: string, taken: ReadonlySet<string>): string {
  for (let number = 2, free = name; ; number++) {
    if (!taken.has(free)) return free;
    free = `${name}-${number}`;
  }
}

/** Two that ask at once: the other one took the step. */
const TAKEN = new Set(['closed', 'enrolled-already', 'key-in-use', 'name-in-use', 'unknown-key']);

/** Submits a step as the administrator who invited, and answers how far it has come then. */
async function step(
  c: ApiContext,
  { service }: NodeApi,
  { id, inviter }: Progress,
  call: { readonly contract: string; readonly method: string; readonly args: Value },
): Promise<Response> {
  const kept = await service.keptAs(inviter.identity);
  if (kept === undefined) {
    return problem(
      'forbidden',
      `The node of ${inviter.member} keeps no key of ${inviter.identity}, who invited: ${inviter.identity} has to take this step (${call.contract}.${call.method}).`,
      { got: inviter.identity },
    );
  }
  const { waitMs } = waitPreference(c.req.header('prefer') ?? null, LIMITS.waitMsMax);
  const outcome = await service.submitCustodial(kept, call, waitMs);
  const refused = problemOf(outcome);
  if (refused && !TAKEN.has(refused.reason ?? '')) {
    return outcomeResponse(outcome, service.genesis.consortium, undefined);
  }
  return answer(service, (await progressOf(service, id))!);
}

const answer = ({ genesis, ledger }: LedgerService, invitation: Progress): Response =>
  Response.json({ invitation, consortium: genesis.consortium, ledger, genesis } satisfies Join, {
    headers: { 'cache-control': 'no-store' },
  });
