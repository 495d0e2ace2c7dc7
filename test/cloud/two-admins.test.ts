/** Two administrators of a hosted consortium decide at once, and not the same; on the emulator. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { call } from '../../node/gateway-call.ts';
import {
  CONSORTIUM,
  type FaultyConsortium,
  faultyConsortium,
  MEMBERS,
  type Member,
} from './support/consortium.ts';
import { reckon } from './support/reckoning.ts';

let consortium: FaultyConsortium;
before(async () => {
  consortium = await faultyConsortium({ tenureRounds: 4, baseTimeoutMs: 10_000 });
});
after(() => consortium?.stop());

const as = (member: Member) => ({
  url: consortium.cloud.url,
  consortium: CONSORTIUM,
  key: consortium.cloud.ring.keys[`${member}/admin`],
});
const get = (member: Member, route: string) => call(as(member), route);
const post = (member: Member, route: string, body: object) =>
  call(as(member), route, { body: JSON.stringify(body) }) as Promise<{
    output: { id: string; digest: string };
  }>;

describe('two admins at once', () => {
  it('decide on conflicting proposals: all nodes know one outcome', async () => {
    const proposers: Member[] = ['tax-bureau', 'corner-shop'];
    const made = await Promise.allSettled(
      proposers.map((member, index) => {
        const action = {
          kind: 'set-validator',
          member: proposers[1 - index],
          validator: false,
        };
        return post(member, '/proposals', { action });
      }),
    );
    const proposals = made.flatMap((end) => (end.status === 'fulfilled' ? [end.value] : []));
    assert.ok(proposals.length > 0);
    // All vote for both, one after the other: the two proposals race.
    await Promise.all(
      proposals.map(async ({ output: { id, digest } }) => {
        for (const member of MEMBERS) {
          await post(member, `/proposals/${id}/vote`, { digest, approve: true }).catch(String);
        }
      }),
    );
    const clients = consortium.clients();
    await clients.pay('after-votes');
    await reckon(consortium, clients);
    const seen = await Promise.all(MEMBERS.map((member) => get(member, '/proposals')));
    for (const other of seen) assert.deepEqual(other, seen[0]);
  });
});
