/** Calls that concern one member's own node and nobody else: for its administrators only. */
import type { ApiContext, NodeApi } from './node-api.ts';
import { problem } from './problem.ts';

/** A refusal unless an administrator of this node's member calls. */
export async function refuseOthers(
  c: ApiContext,
  { service }: NodeApi,
): Promise<Response | undefined> {
  const tenant = c.get('tenant');
  if (!tenant) {
    return problem(
      'unauthorized',
      'This call is for the member’s administrators; send "Authorization: Bearer <API key>".',
    );
  }
  const isOwn = tenant.member === service.member;
  const caller = isOwn ? await service.identity(tenant.identity) : undefined;
  if (caller?.roles.includes('admin')) return undefined;
  return problem('forbidden', `This call is for administrators of ${service.member}.`, {
    got: `${tenant.member}/${tenant.identity}`,
    expected: 'admin',
  });
}
