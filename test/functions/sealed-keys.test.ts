/** A hosted member's sealed keys: they open for their member and purpose, and for nobody else. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { after, it } from 'node:test';
import { CreateKeyCommand, KMSClient } from '@aws-sdk/client-kms';
import {
  newDataKey,
  openDataKey,
  seal,
  sealKey,
  unseal,
  unsealKey,
} from '../../functions/node/sealed-keys.ts';
import { publicJwkOf } from '../../node/key-file.ts';
import { emulatorForTests } from '../support/emulator.ts';

const client = new KMSClient(await emulatorForTests());
after(() => client.destroy());
const vaultKey = (await client.send(new CreateKeyCommand({}))).KeyMetadata!.KeyId!;
const shop = { consortium: 'demo', member: 'corner-shop' };

it('opens a member’s data key for that member only', async () => {
  const { dataKey, sealed } = await newDataKey(client, vaultKey, shop);
  assert.deepEqual(await openDataKey(client, sealed, shop), dataKey);
  await assert.rejects(openDataKey(client, sealed, { ...shop, member: 'tax-bureau' }));
  await assert.rejects(openDataKey(client, sealed, { ...shop, consortium: 'another' }));
});

it('opens a key for its purpose only, and refuses one that was changed', async () => {
  const { dataKey } = await newDataKey(client, vaultKey, shop);
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const sealed = sealKey(dataKey, 'seller', privateKey);
  assert.deepEqual(publicJwkOf(unsealKey(dataKey, 'seller', sealed)), publicJwkOf(privateKey));
  assert.throws(() => unsealKey(dataKey, 'admin', sealed));
  const text = seal(dataKey, 'note', Buffer.from('a secret'));
  assert.equal(unseal(dataKey, 'note', text).toString(), 'a secret');
  for (let at = 0; at < Buffer.from(text, 'base64url').length; at++) {
    const bytes = Buffer.from(text, 'base64url');
    bytes[at]! ^= 1;
    assert.throws(() => unseal(dataKey, 'note', bytes.toString('base64url')));
  }
});
