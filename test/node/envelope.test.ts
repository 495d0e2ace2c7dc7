/** Envelopes to a member's vault: by one algorithm, to one key, whole. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { CompactEncrypt, GeneralEncrypt } from 'jose';
import { ENVELOPE_TYPE, encryptTo, openEnvelope } from '../../node/vault/envelope.ts';
import { vaultKeyOf } from '../../node/vault/vault-key.ts';
import { BadEnvelope } from '../../shared/ports/value-keeper.ts';
import { testKey } from '../support/local-network.ts';

const key = vaultKeyOf(testKey().privateKey);
const other = vaultKeyOf(testKey().privateKey);
const content = Buffer.from('canary content');
const header = { alg: 'ECDH-ES+A256KW', enc: 'A256GCM', typ: ENVELOPE_TYPE, kid: key.id };

const refused = (envelope: string, why: RegExp): Promise<void> =>
  assert.rejects(openEnvelope([key], envelope), (error: Error) => {
    assert.ok(error instanceof BadEnvelope, String(error));
    assert.match(error.message, why);
    assert.ok(!error.message.includes('canary'));
    return true;
  });

describe('an envelope', () => {
  it('opens for whom it is, with the key that it is for, and is another one each time', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 2000 }), async (bytes) => {
        const envelope = await encryptTo(key.jwk, bytes);
        assert.deepEqual(Uint8Array.from(await openEnvelope([other, key], envelope)), bytes);
        assert.notEqual(await encryptTo(key.jwk, bytes), envelope);
      }),
      { numRuns: 20 },
    );
  });

  it('does not open for another', async () => {
    await refused(await encryptTo(other.jwk, content), /to another key/);
    const stolen = new CompactEncrypt(content).setProtectedHeader(header);
    await refused(await stolen.encrypt(other.jwk), /does not open/);
  });

  it('opens by no other algorithm', async () => {
    const by = (changed: object, to: Parameters<CompactEncrypt['encrypt']>[0] = key.jwk) =>
      new CompactEncrypt(content).setProtectedHeader({ ...header, ...changed }).encrypt(to);
    for (const alg of ['ECDH-ES', 'ECDH-ES+A128KW', 'ECDH-ES+A192KW']) {
      await refused(await by({ alg }), /by another algorithm/);
    }
    for (const enc of ['A128GCM', 'A192GCM', 'A128CBC-HS256', 'A256CBC-HS512']) {
      await refused(await by({ enc }), /by another algorithm/);
    }
    const secret = randomBytes(32);
    for (const alg of ['dir', 'A256KW', 'A256GCMKW', 'PBES2-HS256+A128KW']) {
      await refused(await by({ alg }, secret), /by another algorithm/);
    }
    await refused(await by({ typ: 'JWT' }), /whose typ/);
    await refused(await by({ typ: undefined }), /whose typ/);
  });

  it('has one recipient, and is no longer than what a vault keeps', async () => {
    const general = new GeneralEncrypt(content).setProtectedHeader({ enc: 'A256GCM' });
    for (const { jwk, id } of [key, other]) {
      general.addRecipient(jwk).setUnprotectedHeader({ alg: 'ECDH-ES+A256KW', kid: id });
    }
    await refused(JSON.stringify(await general.encrypt()), /no compact JWE/);
    await refused('x'.repeat(10 * 1024 * 1024), /of more than/);
    await refused('', /no compact JWE/);
    await refused('a.b.c.d.e', /no compact JWE/);
  });

  it('does not open once a character is changed', async () => {
    const envelope = await encryptTo(key.jwk, content);
    await fc.assert(
      fc.asyncProperty(
        fc.nat(envelope.length - 1),
        fc.constantFrom(...'AQgw_-.'),
        async (at, by) => {
          fc.pre(envelope[at] !== by);
          // The last character of a part may hold bits that say nothing: another text of the same bytes.
          fc.pre(at + 1 < envelope.length && envelope[at + 1] !== '.');
          await refused(`${envelope.slice(0, at)}${by}${envelope.slice(at + 1)}`, /envelope/);
        },
      ),
      { numRuns: 150 },
    );
  });
});
