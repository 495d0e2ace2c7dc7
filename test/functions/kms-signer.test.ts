/** The signer on KMS (the emulator’s). */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, describe, it } from 'node:test';
import {
  CreateKeyCommand,
  DisableKeyCommand,
  EnableKeyCommand,
  KMSClient,
  ScheduleKeyDeletionCommand,
} from '@aws-sdk/client-kms';
import { kmsSigner, publicJwk } from '../../functions/kms-signer.ts';
import { verifyEs256 } from '../../shared/bytes/crypto.ts';
import { emulatorForTests } from '../support/emulator.ts';
import { testKey } from '../support/local-network.ts';

const client = new KMSClient(await emulatorForTests());
after(() => client.destroy());

async function newKey(KeySpec: 'ECC_NIST_P256' | 'ECC_NIST_P384' = 'ECC_NIST_P256') {
  const command = new CreateKeyCommand({ KeySpec, KeyUsage: 'SIGN_VERIFY' });
  return (await client.send(command)).KeyMetadata!.KeyId!;
}
const digest = (text: string): Uint8Array => createHash('sha256').update(text).digest();

describe('the signer on KMS', () => {
  it('signs as ES256 does, with the key that is asked for', async () => {
    const [old, next] = [await newKey(), await newKey()];
    const signer = await kmsSigner(client, [old, next]);
    for (const id of [old, next]) {
      const key = await publicJwk(client, id);
      assert.ok(signer.holds(key));
      // Enough for numbers with a zero byte before them and shorter ones.
      for (let index = 0; index < 40; index++) {
        const message = digest(`${id} ${index}`);
        const signature = await signer.sign(message, key);
        assert.ok(verifyEs256(key, message, signature));
        assert.ok(!verifyEs256(key, digest('another'), signature));
      }
    }
  });

  it('refuses a key that it does not hold, one of another kind, and one that is disabled', async () => {
    const id = await newKey();
    const signer = await kmsSigner(client, [id]);
    const other = testKey().jwk;
    assert.ok(!signer.holds(other));
    await assert.rejects(signer.sign(digest('a'), other), /holds no such key/);
    await assert.rejects(kmsSigner(client, [await newKey('ECC_NIST_P384')]), /ECC_NIST_P384/);
    const key = await publicJwk(client, id);
    await client.send(new DisableKeyCommand({ KeyId: id }));
    await assert.rejects(signer.sign(digest('a'), key), { name: 'DisabledException' });
  });

  it('holds no disabled key, says so, and holds it again some time after it was enabled', async () => {
    const [id, other] = [await newKey(), await newKey()];
    const key = await publicJwk(client, id);
    const faults: string[] = [];
    const clock = { now: 1000 };
    const options = { onFault: (text: string) => faults.push(text), now: () => clock.now };
    const early = await kmsSigner(client, [id, other], options);
    assert.equal(await early.fault(), undefined);
    await client.send(new DisableKeyCommand({ KeyId: id }));
    // Not known yet: KMS is not asked for each one that wants to know.
    assert.equal(await early.fault(), undefined);
    await assert.rejects(early.sign(digest('a'), key), { name: 'DisabledException' });
    assert.match((await early.fault())!, new RegExp(`${id} can’t be used: DisabledException`));
    assert.equal(early.holds(key), false);
    assert.equal(early.holds(await publicJwk(client, other)), true);
    await assert.rejects(early.sign(digest('a'), key), /holds no such key/);

    // Some time later KMS is asked, and says so itself.
    clock.now += 30_000;
    await early.revive();
    assert.match((await early.fault())!, /can’t be used: it is Disabled\./);
    assert.equal(faults.length, 2);

    await client.send(new EnableKeyCommand({ KeyId: id }));
    await early.revive();
    assert.equal(early.holds(key), false);
    clock.now += 30_000;
    await early.revive();
    assert.ok(verifyEs256(key, digest('b'), await early.sign(digest('b'), key)));
    assert.equal(await early.fault(), undefined);
  });

  it('opens where a key is gone, and holds the others', async () => {
    const [id, gone] = [await newKey(), '11111111-2222-3333-4444-555555555555'];
    const signer = await kmsSigner(client, [id, gone]);
    assert.ok(signer.holds(await publicJwk(client, id)));
    assert.match((await signer.fault())!, new RegExp(`${gone} can’t be used: NotFoundException`));
  });

  it('says of a key that is to be deleted that it can’t be used', async () => {
    const id = await newKey();
    const clock = { now: 1000 };
    const signer = await kmsSigner(client, [id], { now: () => clock.now });
    await client.send(new ScheduleKeyDeletionCommand({ KeyId: id, PendingWindowInDays: 7 }));
    clock.now += 30_000;
    assert.match((await signer.fault())!, /can’t be used: it is PendingDeletion on 2/);
  });
});
