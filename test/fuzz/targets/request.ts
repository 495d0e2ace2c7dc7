/**
 * Requests to a node's API: the first line is the method and the target, further lines are headers up to an empty one, and
 * the rest is the body. The node has a real replica; what it would submit is not.
 */
import assert from 'node:assert/strict';
import { nodeApp } from '../../../shared/api/app.ts';
import type { LedgerService } from '../../../shared/api/ledger-service.ts';
import { PROBLEM_TYPE } from '../../../shared/api/problem.ts';
import type { Digest } from '../../../shared/bytes/digest.ts';
import { parseTransaction, type Transaction } from '../../../shared/ledger/transaction.ts';
import { quiet } from '../../../shared/replica/replica.ts';
import { ledgerService } from '../../../shared/replica/service.ts';
import { acceptedLater, textOf } from '../invariant.ts';
import { founded, NOW, openAlone } from '../one-replica.ts';

/** API keys, which stand for identities of the node's member or of another one. */
const KEYS: Readonly<Record<string, readonly [member: string, identity: string]>> = {
  admin: ['alpha', 'admin'],
  platform: ['alpha', 'platform'],
  stranger: ['beta', 'seller'],
};
const PENDING = { id: '0'.repeat(64) as Digest, status: 'pending' } as const;

const opening = openApp();

/** A ledger of one member, with some transactions of both ends. */
async function openLedger(): Promise<LedgerService> {
  const network = founded(['alpha']);
  const unreachable = () => Promise.reject(new Error('unreachable'));
  const replica = await openAlone(network, 'alpha', unreachable);
  const { keys } = network;
  const service = ledgerService(replica, {
    keyId: (name) => keys.get(`alpha/${name}`)?.keyId,
    identityOf: (keyId) => [...keys].find(([, key]) => key.keyId === keyId)?.[0].split('/')[1],
    sign: unreachable,
    nonce: () => 'nonce',
  });
  for (const nonce of ['1', '2', '3']) {
    const bounds = { nonce, notAfter: NOW + 1000 };
    // The second raises beyond its bound, and is refused in a block.
    const args = { name: 'a', by: 1, max: 1 };
    const jws = network.signedAt('alpha/admin', 'counter', 'raise', args, bounds);
    await service.submit(parseTransaction(jws) as Transaction, 1000);
    await quiet(replica);
  }
  return service;
}

async function openApp() {
  const own = await openLedger();
  const service: LedgerService = {
    ...own,
    submit: async ({ id }) => ({ id, status: 'pending' }),
    submitCustodial: async () => PENDING,
    keptAs: async (name) => name,
  };
  let faults: unknown[] = [];
  const app = nodeApp({
    service,
    keys: {
      find(token) {
        const [member, identity] = Object.hasOwn(KEYS, token) ? KEYS[token]! : [];
        return member && identity ? { member, identity, keyId: token } : undefined;
      },
    },
    issuers: { list: async () => [], replace: async () => {} },
    log: { error: (fields) => faults.push(fields.err) },
    streamMsMax: 0,
  });
  return {
    app,
    takeFaults() {
      const taken = faults;
      faults = [];
      return taken;
    },
  };
}

/** The request that the bytes say; undefined where the platform knows of none such. */
function requestOf(data: Uint8Array): Request | undefined {
  const bytes = Buffer.from(data);
  const end = bytes.indexOf('\n\n');
  const head = textOf(end < 0 ? bytes : bytes.subarray(0, end));
  const body = end < 0 ? Buffer.alloc(0) : bytes.subarray(end + 2);
  const [first = '', ...lines] = head.split('\n').filter((line) => line !== '');
  const [method = '', target = ''] = first.split(' ');
  try {
    const headers = new Headers(
      lines.map((line): [string, string] => {
        const colon = line.indexOf(':');
        return [line.slice(0, colon), line.slice(colon + 1)];
      }),
    );
    const hasBody = method !== 'GET' && method !== 'HEAD';
    return new Request(`http://node${target}`, { method, headers, ...(hasBody && { body }) });
  } catch {
    return undefined;
  }
}

export async function fuzz(data: Uint8Array): Promise<void> {
  const request = requestOf(data);
  if (!request) return;
  const { app, takeFaults } = await opening;
  const response = await acceptedLater(async () => app.fetch(request));
  assert.ok(response, 'a request without an answer');
  const { status, headers } = response;
  const body = await response.text();
  const [fault] = takeFaults();
  // A page behind the head can be had from a node that is further.
  const isBehind = status === 503 && JSON.parse(body).retry === 'same';
  assert.ok(
    status < 500 || isBehind,
    `${status}: ${body} ${fault instanceof Error ? fault.stack : ''}`,
  );
  assert.equal(fault, undefined);
  const type = headers.get('content-type');
  if (status >= 400 && request.method !== 'HEAD') {
    assert.equal(type, PROBLEM_TYPE);
    const problem = JSON.parse(body);
    assert.equal(problem.status, status);
    for (const member of ['type', 'title', 'code', 'detail', 'retry', 'requestId']) {
      assert.equal(typeof problem[member], 'string', member);
    }
  } else if (type?.startsWith('application/json') && body !== '') JSON.parse(body);
}
