/**
 * Signatures: nothing but what a key signed verifies. The first byte says of which signing input the rest is the
 * batch signature; the first three also say how one good signature is changed.
 */
import assert from 'node:assert/strict';
import { type PublicJwk, verifyEs256 } from '../../../shared/bytes/crypto.ts';
import { fromBase64Url, utf8 } from '../../../shared/bytes/text.ts';
import { signBatch, verifyBatchSignature } from '../../../shared/ledger/batch-signature.ts';

/** A key whose private half is gone, and what it signed: batches of the first so many inputs. */
const KEY: PublicJwk = {
  kty: 'EC',
  crv: 'P-256',
  x: '-cI9TUz7RtJMnttgZd991fRMSCUiJPwbJhsgfzyI9C0',
  y: 'YqKHhvi-7aUEcTaCkescfNqvG1uigyyg_oQBAVuaM8k',
};
const SIGNED: readonly (readonly [size: number, signature: string])[] = [
  [1, 't8qfklU9UR2QBbj0k9PaVm3nB79AKXzyhJKai3Nj-QCwuaFM0DcpPrZSK0IsbzY43RW10BcwBUIRAP7rnbIpwg'],
  [2, 'iCsltNLI8FeBS4DsRUZcpEqz9Gtq0Gh_DzbtpHdqlWunKy7ueBsRtw8g7mjOj-QL-HIJ_G1f7h4sq4A9YVmWcA'],
  [3, 'wAJ1mDFXSbb0oqhKVCLDWgUELuD3ZwXn5z4xdxREn0fTqLFWPvSfOe9CKYRo2J846gdaAbkeHE3o9a3PHgkggw'],
  [7, 'X1QLY7xNy-Xlw0cqdpJRYAeO6cMxC6R2ynTRO9PzawZY_wBobS9obWLxFXsIJ-h3MiikSZmMZDzJpAdDhM6ezA'],
];
const INPUTS = Array.from({ length: 7 }, (_, index) => utf8(`header.payload-${index}`));
const good = SIGNED.flatMap(([size, text]) =>
  signBatch(INPUTS.slice(0, size), () => fromBase64Url(text)!).map((signature, index) => ({
    index,
    signature,
  })),
);

/** Good signatures, each behind the index of its input. */
export const seeds = (): Uint8Array[] =>
  good.map(({ index, signature }) => Buffer.from([index, ...signature]));

export function fuzz(data: Uint8Array): void {
  const [which = 0, at = 0, by = 0] = data;
  const index = which % INPUTS.length;
  const input = INPUTS[index]!;
  const signature = data.subarray(1);
  const isGood = good.some(
    (one) => one.index === index && Buffer.compare(one.signature, signature) === 0,
  );
  assert.equal(verifyBatchSignature(KEY, input, signature), isGood);
  assert.equal(verifyEs256(KEY, input, signature), false);
  const sample = good[which % good.length]!;
  const edited = Uint8Array.from(sample.signature);
  edited[at % edited.length]! += by;
  assert.equal(verifyBatchSignature(KEY, INPUTS[sample.index]!, edited), by === 0);
}
