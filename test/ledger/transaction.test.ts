/** Transactions: one id for every serialisation, bytes kept as signed, every malformed one refused. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type Cbor, decodeCbor, encodeCbor, type Value } from '../../shared/bytes/cbor.ts';
import { taggedDigest } from '../../shared/bytes/digest.ts';
import { toBase64Url, toHex, utf8 } from '../../shared/bytes/text.ts';
import { LIMITS } from '../../shared/ledger/limits.ts';
import { Rejected, type Rejection } from '../../shared/ledger/rejection.ts';
import {
  decodeTransaction,
  parseTransaction,
  type Transaction,
  transactionToJson,
} from '../../shared/ledger/transaction.ts';

const json = (value: unknown): string => toBase64Url(utf8(JSON.stringify(value)));
const signature = (fill: number): string => toBase64Url(new Uint8Array(64).fill(fill));

const BODY = {
  ledger: 'ab'.repeat(32),
  contract: 'invoice',
  method: 'issue',
  args: { number: '24312000000000000001', lines: [{ net: 100 }] },
  nonce: 'n-1',
  notAfter: 1_700_000_000_000,
};
const headerOf = (letter: string, more: object = {}): string =>
  json({ alg: 'ES256', typ: 'fuqi-tx+jws', kid: letter.repeat(43), ...more });

const compact = (body: unknown = BODY, header = headerOf('A')): string =>
  `${header}.${json(body)}.${signature(1)}`;

function accepted(parsed: Transaction | Rejected): Transaction {
  assert.ok(!(parsed instanceof Rejected), JSON.stringify(parsed));
  return parsed;
}

function refused(parsed: Transaction | Rejected): Rejection {
  assert.ok(parsed instanceof Rejected, 'it is refused');
  return parsed.rejection;
}

describe('a transaction', () => {
  it('is the same, bytes and id, from every serialisation', () => {
    const transaction = accepted(parseTransaction(compact()));
    const [protectedHeader, payload, text] = compact().split('.') as [string, string, string];
    const entry = { protected: protectedHeader, signature: text };
    const serialisations = [
      `\n ${compact()} \n`,
      JSON.stringify({ payload, signatures: [entry] }),
      JSON.stringify(
        { signatures: [{ signature: text, protected: protectedHeader }], payload },
        null,
        2,
      ),
      JSON.stringify({ payload, ...entry }),
      JSON.stringify(transactionToJson(transaction)),
    ];
    for (const other of serialisations) {
      assert.deepEqual(accepted(parseTransaction(other)), transaction);
    }
    assert.deepEqual(transaction.body, BODY);
    assert.deepEqual(transaction.keyIds, ['A'.repeat(43)]);
  });

  it('has the tagged digest of the signing input for an id', () => {
    const { id } = accepted(parseTransaction(compact()));
    const input = compact().split('.').slice(0, 2).join('.');
    assert.equal(id, taggedDigest('fuqi/v1/transaction', utf8(input)));
  });

  it('keeps its id with another signature and with endorsements', () => {
    const { id } = accepted(parseTransaction(compact()));
    const [protectedHeader, payload] = compact().split('.') as [string, string];
    const other = JSON.stringify({
      payload,
      signatures: [
        { protected: protectedHeader, signature: signature(2) },
        { protected: headerOf('B'), signature: signature(3) },
      ],
    });
    const transaction = accepted(parseTransaction(other));
    assert.equal(transaction.id, id);
    assert.deepEqual(transaction.keyIds, ['A'.repeat(43), 'B'.repeat(43)]);
  });

  it('has another id for another caller, and for any other body', () => {
    const ids = [
      compact(),
      compact(BODY, headerOf('B')),
      compact({ ...BODY, nonce: 'n-2' }),
      compact({ ...BODY, args: {} }),
      compact({ ...BODY, notAfter: 1 }),
      // The same values in another order are another text, and it is the text that is signed.
      compact(Object.fromEntries(Object.entries(BODY).reverse())),
    ].map((text) => accepted(parseTransaction(text)).id);
    assert.equal(new Set(ids).size, ids.length);
  });

  it('comes back from the bytes that stand in a block', () => {
    const args = fc.dictionary(fc.string(), fc.jsonValue() as fc.Arbitrary<Value>, { maxKeys: 4 });
    const count = fc.integer({ min: 1, max: LIMITS.signaturesMax });
    fc.assert(
      fc.property(args, fc.uint8Array({ maxLength: 80 }), count, (value, bytes, signers) => {
        const letters = 'ABCDEFGHIJKLMNOP'.slice(0, signers);
        const text = JSON.stringify({
          payload: json({ ...BODY, args: value }),
          signatures: [...letters].map((letter) => ({
            protected: headerOf(letter),
            signature: toBase64Url(bytes),
          })),
        });
        const transaction = accepted(parseTransaction(text));
        const decoded = accepted(decodeTransaction(transaction.bytes));
        assert.equal(decoded.id, transaction.id);
        assert.deepEqual(decoded.keyIds, transaction.keyIds);
        assert.deepEqual(decoded.body, transaction.body);
        assert.deepEqual(transactionToJson(decoded), JSON.parse(text));
        assert.equal(toHex(decoded.bytes), toHex(transaction.bytes));
      }),
      { numRuns: 100 },
    );
  });
});

describe('a malformed transaction is refused, and the field named:', () => {
  const { ledger: _, ...withoutLedger } = BODY;
  const bodies: Record<string, [unknown, string]> = {
    'a payload that is a list': [[], '/payload'],
    'a payload that is a text': ['x', '/payload'],
    'an unknown field': [{ ...BODY, gas: 1 }, '/payload'],
    'no ledger': [withoutLedger, '/payload/ledger'],
    'a ledger in upper case': [{ ...BODY, ledger: 'AB'.repeat(32) }, '/payload/ledger'],
    'a contract that is no name': [{ ...BODY, contract: 'In voice' }, '/payload/contract'],
    'a contract with a line break': [{ ...BODY, contract: 'invoice\n' }, '/payload/contract'],
    'a method that is no name': [{ ...BODY, method: '__proto__' }, '/payload/method'],
    'arguments that are a list': [{ ...BODY, args: [] }, '/payload/args'],
    'arguments that are null': [{ ...BODY, args: null }, '/payload/args'],
    'an empty nonce': [{ ...BODY, nonce: '' }, '/payload/nonce'],
    'a nonce that is too long': [{ ...BODY, nonce: 'x'.repeat(65) }, '/payload/nonce'],
    'a nonce that is a number': [{ ...BODY, nonce: 1 }, '/payload/nonce'],
    'a time with a fraction': [{ ...BODY, notAfter: 1.5 }, '/payload/notAfter'],
    'a time before 1970': [{ ...BODY, notAfter: -1 }, '/payload/notAfter'],
    'a time that is a text': [{ ...BODY, notAfter: '2030' }, '/payload/notAfter'],
    'a time beyond what a number holds': [{ ...BODY, notAfter: 2 ** 53 }, '/payload/notAfter'],
  };
  for (const [what, [body, pointer]] of Object.entries(bodies)) {
    it(what, () => {
      const rejection = refused(parseTransaction(compact(body)));
      assert.equal(rejection.code, 'malformed');
      assert.equal(rejection.pointer, pointer);
    });
  }

  const headers: Record<string, [string, string, string]> = {
    'another algorithm': [headerOf('A', { alg: 'RS256' }), 'unsupported-algorithm', '/alg'],
    'no algorithm': [headerOf('A', { alg: undefined }), 'unsupported-algorithm', '/alg'],
    'the algorithm "none"': [headerOf('A', { alg: 'none' }), 'unsupported-algorithm', '/alg'],
    'another type': [headerOf('A', { typ: 'JWT' }), 'malformed', '/typ'],
    'a critical extension': [headerOf('A', { crit: ['exp'] }), 'malformed', ''],
    'an unencoded payload': [headerOf('A', { b64: false }), 'malformed', ''],
    'no key id': [headerOf('A', { kid: undefined }), 'malformed', '/kid'],
    'a key id that is no thumbprint': [headerOf('A', { kid: 'alice' }), 'malformed', '/kid'],
    'a header that is a list': [json([]), 'malformed', ''],
  };
  for (const [what, [header, code, at]] of Object.entries(headers)) {
    it(what, () => {
      const rejection = refused(parseTransaction(compact(BODY, header)));
      assert.equal(rejection.code, code);
      assert.equal(rejection.pointer, `/signatures/0/protected${at}`);
    });
  }

  it('the same key twice', () => {
    const entry = { protected: headerOf('A'), signature: signature(1) };
    const text = JSON.stringify({ payload: json(BODY), signatures: [entry, entry] });
    assert.equal(refused(parseTransaction(text)).pointer, '/signatures/1');
  });

  it('more signatures than a transaction may have', () => {
    const signatures = Array.from({ length: LIMITS.signaturesMax + 1 }, (_, index) => ({
      protected: headerOf(String.fromCharCode(65 + index)),
      signature: signature(1),
    }));
    const text = JSON.stringify({ payload: json(BODY), signatures });
    assert.equal(refused(parseTransaction(text)).pointer, '/signatures');
  });

  it('one that is too large, by its encoding and by its text', () => {
    const args = { text: 'x'.repeat(LIMITS.transactionBytesMax * 0.75) };
    for (const text of [compact({ ...BODY, args }), 'x'.repeat(LIMITS.transactionBytesMax * 3)]) {
      const rejection = refused(parseTransaction(text));
      assert.equal(rejection.code, 'too-large');
      assert.equal(rejection.expected, LIMITS.transactionBytesMax);
    }
    const bytes = new Uint8Array(LIMITS.transactionBytesMax + 1);
    assert.equal(refused(decodeTransaction(bytes)).code, 'too-large');
  });

  it('any text or JSON that is no JWS', () => {
    for (const text of ['', '{', '{}', 'null', '[]', 'a.b.c', '{"payload":1}', `${compact()}=`]) {
      assert.equal(refused(parseTransaction(text)).code, 'malformed', text);
    }
    fc.assert(fc.property(fc.string(), (text) => void refused(parseTransaction(text))));
    const anyJson = fc.json().map((text) => `{"payload":"e30","signatures":${text}}`);
    fc.assert(fc.property(anyJson, (text) => void refused(parseTransaction(text))));
  });

  it('bytes of any other structure', () => {
    const { bytes } = accepted(parseTransaction(compact()));
    const [payload, signatures] = decodeCbor(bytes) as [string, [string, Uint8Array][]];
    const [head, sign] = signatures[0]!;
    const others: Cbor[] = [
      null,
      payload,
      [],
      {},
      [payload],
      [payload, []],
      [payload, 'x'],
      [payload, null],
      [payload, signatures, null],
      [utf8(payload), signatures],
      [`${payload}=`, signatures],
      [payload, [head, sign]],
      [payload, [[head]]],
      [payload, [[head, sign, 1]]],
      [payload, [[head, toBase64Url(sign)]]],
      [payload, [[utf8(head), sign]]],
      [payload, [[`${head}=`, sign]]],
    ];
    for (const item of others) {
      assert.equal(refused(decodeTransaction(encodeCbor(item))).code, 'malformed');
    }
    assert.equal(refused(decodeTransaction(bytes.subarray(1))).code, 'malformed');
    assert.equal(
      refused(decodeTransaction(Buffer.concat([bytes, Buffer.of(0)]))).code,
      'malformed',
    );
    fc.assert(fc.property(fc.uint8Array(), (garbage) => void refused(decodeTransaction(garbage))));
  });
});
