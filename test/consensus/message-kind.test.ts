/** What a message is can be told without reading it: a function passes each kind to its own door. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Digest } from '../../shared/bytes/digest.ts';
import { encodeRequest, kindOf, type Request } from '../../shared/consensus/message.ts';
import { startQc } from '../../shared/consensus/validators.ts';

const standing = {
  epoch: 1,
  height: 7,
  qc: startQc(1, 'ab'.repeat(32) as Digest),
  tc: null,
  seen: null,
};
const bytes = new Uint8Array(3);

it('tells the kind of every request', () => {
  const requests: Request[] = [
    { kind: 'proposal', standing, block: bytes, signature: bytes },
    { kind: 'tidings', standing, transactions: [bytes], waiting: true },
    { kind: 'blocks', standing, after: 3 },
    { kind: 'epochs', standing, after: 3 },
    { kind: 'attest', standing, store: 'a store' },
    { kind: 'anchor', standing },
    { kind: 'state', standing, height: 3, places: [] },
    { kind: 'values', standing, envelope: bytes },
    { kind: 'read-values', standing, request: bytes },
    { kind: 'endorse', standing, transactions: ['ab'.repeat(32) as Digest] },
    { kind: 'fetch-values', standing, transaction: 'ab'.repeat(32) as Digest },
    {
      ...{ kind: 'attachment', standing, part: 1, grant: null },
      transaction: 'ab'.repeat(32) as Digest,
      sealed: 'cd'.repeat(32) as Digest,
    },
    { kind: 'vault-entries', standing, after: null, names: ['values/ab'], closing: true },
    { kind: 'vault-part', standing, name: 'ab'.repeat(16), part: 0 },
  ];
  for (const request of requests) assert.equal(kindOf(encodeRequest(request)), request.kind);
});

it('knows no kind of bytes that are no request', () => {
  for (const text of ['', 'hello', '{"kind":"tidings"}']) {
    assert.equal(kindOf(Buffer.from(text)), undefined);
  }
});
