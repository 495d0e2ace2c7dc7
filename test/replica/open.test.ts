/** Opening: several invocations of a node may be the first to find its store empty. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { memoryStores } from '../../node/memory/stores.ts';
import { openReplica } from '../../shared/replica/open.ts';
import { contracts } from '../../workloads/catalog.ts';
import { LocalNetwork } from '../support/local-network.ts';

describe('the first opening of a node', () => {
  it('may be made by several invocations at once', async () => {
    const { genesis } = new LocalNetwork({ members: ['alpha', 'beta'], catalog: contracts });
    const stores = memoryStores();
    const time = { now: Date.now, alarm: () => {}, after: () => () => {} };
    const peers = { request: () => Promise.reject(new Error('nobody is there')) };
    const signer = { holds: () => false, sign: () => Promise.reject(new Error('no key')) };
    const open = (invocation: string) =>
      openReplica({
        genesis,
        member: 'alpha',
        catalog: contracts,
        ports: { ...stores, signer, peers, time },
        store: 'one',
        log: () => {},
        invocation,
      });
    const opened = await Promise.all(['a', 'b', 'c', 'd'].map(open));
    for (const { head, record } of opened) {
      assert.equal(head.id, opened[0]!.head.id);
      assert.equal(record.version, 1);
    }
  });
});
