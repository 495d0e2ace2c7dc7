import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  parseCompactJws,
  parseJsonJws,
  parseJsonPart,
  signingInput,
} from '../../shared/bytes/jws.ts';
import { toBase64Url, utf8 } from '../../shared/bytes/text.ts';

/** RFC 7515 appendix A.3: ES256. */
const HEADER = 'eyJhbGciOiJFUzI1NiJ9';
const PAYLOAD =
  'eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ';
const SIGNATURE =
  'DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q';
const entry = { protected: HEADER, signature: SIGNATURE };

describe('a compact JWS', () => {
  it('is taken apart into the texts that were signed', () => {
    const jws = parseCompactJws(`${HEADER}.${PAYLOAD}.${SIGNATURE}`)!;
    assert.equal(jws.payload, PAYLOAD);
    assert.equal(jws.signatures[0]!.protected, HEADER);
    assert.equal(toBase64Url(jws.signatures[0]!.signature), SIGNATURE);
    assert.equal(Buffer.from(signingInput(jws, 0)).toString(), `${HEADER}.${PAYLOAD}`);
  });

  const refused = {
    'an empty text': '',
    'two parts': `${HEADER}.${PAYLOAD}`,
    'four parts': `${HEADER}.${PAYLOAD}.${SIGNATURE}.`,
    'a JWE of five parts': 'a.b.c.d.e',
    'padding in the header': `${HEADER}==.${PAYLOAD}.${SIGNATURE}`,
    'padding in the signature': `${HEADER}.${PAYLOAD}.${SIGNATURE}==`,
    'stray bits in the payload': `${HEADER}.Zh.${SIGNATURE}`,
    'stray bits in the signature': `${HEADER}.${PAYLOAD}.${SIGNATURE.slice(0, -1)}R`,
    'the other alphabet': `${HEADER}.${PAYLOAD}.${SIGNATURE.replaceAll('-', '+')}`,
    'white space': `${HEADER}. ${PAYLOAD}.${SIGNATURE}`,
  };
  for (const [what, text] of Object.entries(refused)) {
    it(`is not ${what}`, () => assert.equal(parseCompactJws(text), undefined));
  }

  it('is refused as undefined, whatever the text', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const jws = parseCompactJws(text);
        if (jws) assert.equal(text.split('.').length, 3);
      }),
    );
  });
});

describe('a JSON JWS', () => {
  it('is the same, general or flattened, as the compact one', () => {
    const compact = parseCompactJws(`${HEADER}.${PAYLOAD}.${SIGNATURE}`);
    assert.deepEqual(parseJsonJws({ payload: PAYLOAD, ...entry }), compact);
    assert.deepEqual(parseJsonJws({ payload: PAYLOAD, signatures: [entry] }), compact);
  });

  it('keeps several signatures in their order', () => {
    const other = { protected: toBase64Url(utf8('{"alg":"none"}')), signature: 'AAAA' };
    const jws = parseJsonJws({ payload: PAYLOAD, signatures: [other, entry] })!;
    assert.deepEqual(
      jws.signatures.map(({ protected: header }) => header),
      [other.protected, HEADER],
    );
    assert.equal(Buffer.from(signingInput(jws, 1)).toString(), `${HEADER}.${PAYLOAD}`);
  });

  const refused: Record<string, unknown> = {
    null: null,
    'a text': 'x',
    'a list': [],
    'an empty object': {},
    'one without a payload': { signatures: [entry] },
    'one with a payload that is no text': { payload: { a: 1 }, signatures: [entry] },
    'one with a payload that is not base64url': { payload: 'a b', signatures: [entry] },
    'one without signatures': { payload: PAYLOAD },
    'one with an empty list of signatures': { payload: PAYLOAD, signatures: [] },
    'one whose signatures are no list': { payload: PAYLOAD, signatures: entry },
    'one with null for a signature': { payload: PAYLOAD, signatures: [null] },
    'one with a signature that is no text': {
      payload: PAYLOAD,
      signatures: [{ ...entry, signature: 1 }],
    },
    'one with a signature that is not base64url': {
      payload: PAYLOAD,
      signatures: [{ ...entry, signature: `${SIGNATURE}=` }],
    },
    'one without a protected header': { payload: PAYLOAD, signatures: [{ signature: SIGNATURE }] },
    'one with an unprotected header': {
      payload: PAYLOAD,
      signatures: [{ ...entry, header: { kid: 'x' } }],
    },
    'a flattened one with an unprotected header': {
      payload: PAYLOAD,
      ...entry,
      header: { kid: 'x' },
    },
    'both forms at once': { payload: PAYLOAD, signatures: [entry], ...entry },
    'the general form with a header beside its signatures': {
      payload: PAYLOAD,
      signatures: [entry],
      header: { kid: 'x' },
    },
  };
  for (const [what, input] of Object.entries(refused)) {
    it(`is not ${what}`, () => assert.equal(parseJsonJws(input), undefined));
  }

  it('is refused as undefined, whatever the JSON', () => {
    fc.assert(fc.property(fc.jsonValue(), (input) => assert.equal(parseJsonJws(input), undefined)));
  });
});

describe('a JSON part', () => {
  it('is the object behind the text', () => {
    assert.deepEqual(parseJsonPart(HEADER), { alg: 'ES256' });
  });

  const refused = {
    'a list': '[]',
    null: 'null',
    'a number': '1',
    'a text': '"x"',
    'JSON that was cut off': '{"a":',
    'JSON with something behind it': '{} x',
    'JSON after a byte order mark': '\ufeff{}',
    nothing: '',
  };
  for (const [what, json] of Object.entries(refused)) {
    it(`is not ${what}`, () => assert.equal(parseJsonPart(toBase64Url(utf8(json))), undefined));
  }

  it('is not text that is no UTF-8, nor text that is no base64url', () => {
    assert.equal(parseJsonPart(toBase64Url(Uint8Array.of(0x22, 0xff, 0x22))), undefined);
    assert.equal(parseJsonPart(`${HEADER}=`), undefined);
  });
});
