import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Value } from '../../shared/bytes/cbor.ts';
import { toBase64Url, utf8 } from '../../shared/bytes/text.ts';
import {
  BadDisclosure,
  decoyDigest,
  makeDisclosure,
  readDisclosure,
  revealed,
  SALT_BYTES,
} from '../../shared/ledger/disclosure.ts';

/** The examples of RFC 9901, §4.2.1 (four ways to write one disclosure) and §4.2.3 (a digest). */
const RFC_9901 = {
  texts: [
    'WyJfMjZiYzRMVC1hYzZxMktJNmNCVzVlcyIsICJmYW1pbHlfbmFtZSIsICJNw7ZiaXVzIl0',
    'WyJfMjZiYzRMVC1hYzZxMktJNmNCVzVlcyIsImZhbWlseV9uYW1lIiwiTcO2Yml1cyJd',
    'WyJfMjZiYzRMVC1hYzZxMktJNmNCVzVlcyIsICJmYW1pbHlfbmFtZSIsICJNXHUwMGY2Yml1cyJd',
    'WwoiXzI2YmM0TFQtYWM2cTJLSTZjQlc1ZXMiLAoiZmFtaWx5X25hbWUiLAoiTcO2Yml1cyIKXQ',
  ],
  digestOfFirst: 'X9yH0Ajrdm1Oij4tWso9UzzKJvPoDxwmuEcO3XAdRC0',
};

const salts = fc.uint8Array({ minLength: SALT_BYTES, maxLength: SALT_BYTES });
const names = fc
  .string({ minLength: 1, maxLength: 20, unit: 'grapheme' })
  .filter((name) => name.isWellFormed() && !['_sd', '_sd_alg', '...', '__proto__'].includes(name));
const values = fc
  .jsonValue({ maxDepth: 4 })
  .map((value) => JSON.parse(JSON.stringify(value).replaceAll(/-?\d+(\.\d+)?(e[+-]?\d+)?/gi, '7')));

const written = (list: unknown): string => toBase64Url(utf8(JSON.stringify(list)));

describe('disclosures', () => {
  it('are read and hashed as in the examples of RFC 9901', () => {
    for (const text of RFC_9901.texts) {
      const { name, value } = readDisclosure(text);
      assert.deepEqual([name, value], ['family_name', 'Möbius']);
    }
    assert.equal(readDisclosure(RFC_9901.texts[0]!).digest, RFC_9901.digestOfFirst);
    // The bytes are what is hashed: each way to write it has its own digest.
    assert.equal(new Set(RFC_9901.texts.map((text) => readDisclosure(text).digest)).size, 4);
  });

  it('come back as they were made', () => {
    fc.assert(
      fc.property(salts, names, values, (salt, name, value) => {
        const made = makeDisclosure(salt, name, value as Value);
        assert.deepEqual(readDisclosure(made.text), made);
        const hash = createHash('sha256').update(made.text, 'ascii').digest('base64url');
        assert.equal(made.digest, hash);
      }),
    );
  });

  it('reveal the fields that they are of, and no others', () => {
    fc.assert(
      fc.property(
        fc.dictionary(names, values),
        fc.infiniteStream(salts),
        fc.nat(),
        (all, salt, pick) => {
          const made = Object.entries(all).map(([name, value]) =>
            makeDisclosure(salt.next().value!, name, value as Value),
          );
          const decoys = [decoyDigest(salt.next().value!)];
          const digests = [...new Set([...made.map(({ digest }) => digest), ...decoys])].sort();
          const shown = made.filter((_, index) => (pick >> index) & 1);
          const fields = revealed(
            { _sd: digests },
            shown.map(({ text }) => text),
          );
          assert.deepEqual(
            [...fields.keys()],
            shown.map(({ name }) => name),
          );
          for (const { name, value } of shown) assert.deepEqual(fields.get(name)!.value, value);
        },
      ),
    );
  });

  const salt = 'A'.repeat(22);
  const good = makeDisclosure(new Uint8Array(SALT_BYTES), 'amount', 250);
  const args = { invoice: 'i-1', _sd: [good.digest, decoyDigest(new Uint8Array(SALT_BYTES))] };
  const refused: readonly (readonly [string, string[], { [name: string]: Value }])[] = [
    ['not base64url', ['*'], args],
    ['padded base64url', [`${good.text}=`], args],
    ['base64url of no UTF-8', [toBase64Url(new Uint8Array([0xff]))], args],
    ['no JSON', [toBase64Url(utf8('["'))], args],
    ['an element of an array', [written([salt, 'value'])], args],
    ['four elements', [written([salt, 'a', 1, 2])], args],
    ['a salt that is no text', [written([1, 'a', 1])], args],
    ['a salt of 64 bits', [written(['AAAAAAAAAAA', 'a', 1])], args],
    ['a name that is no text', [written([salt, 1, 1])], args],
    ['the name _sd', [written([salt, '_sd', []])], args],
    ['the name _sd_alg', [written([salt, '_sd_alg', 'sha-256'])], args],
    ['the name …', [written([salt, '...', 'x'])], args],
    ['a name twice in its value', [toBase64Url(utf8(`["${salt}","a",{"b":1,"b":2}]`))], args],
    [
      'another salt',
      [makeDisclosure(new Uint8Array(SALT_BYTES).fill(1), 'amount', 250).text],
      args,
    ],
    ['another value', [makeDisclosure(new Uint8Array(SALT_BYTES), 'amount', 251).text], args],
    ['the same one twice', [good.text, good.text], args],
    ['a field that stands in clear', [good.text], { ...args, amount: 250 }],
    ['a transaction without digests', [good.text], { invoice: 'i-1' }],
    ['digests that are no list', [good.text], { _sd: good.digest }],
    ['a digest that is there twice', [good.text], { _sd: [good.digest, good.digest] }],
  ];
  for (const [what, disclosures, of] of refused) {
    it(`are refused with ${what}, and nothing of them is repeated`, () => {
      assert.throws(
        () => revealed(of, disclosures),
        (error: Error) => {
          assert.ok(error instanceof BadDisclosure, String(error));
          for (const secret of ['amount', '250', good.text, salt]) {
            assert.ok(!error.message.includes(secret), error.message);
          }
          return true;
        },
      );
    });
  }
});
