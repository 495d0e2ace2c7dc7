/** Disclosures of confidential fields: the first line is a disclosure's JSON, the whole is one as a text, too. */
import assert from 'node:assert/strict';
import { fromBase64Url, toBase64Url, utf8 } from '../../../shared/bytes/text.ts';
import { BadDisclosure, readDisclosure, revealed } from '../../../shared/ledger/disclosure.ts';
import { linesOf, textOf } from '../invariant.ts';

export function fuzz(data: Uint8Array): void {
  for (const text of [toBase64Url(linesOf(data)[0]!), textOf(data)]) {
    try {
      checkDisclosure(text);
    } catch (error) {
      if (!(error instanceof BadDisclosure)) throw error;
    }
  }
}

function checkDisclosure(text: string): void {
  const { name, value, digest } = readDisclosure(text);
  assert.equal(toBase64Url(fromBase64Url(text)!), text);
  // Everybody reads the same field out of it.
  assert.deepEqual(JSON.parse(Buffer.from(text, 'base64url').toString()).slice(1), [name, value]);
  assert.equal(revealed({ _sd: [digest] }, [text]).get(name)?.digest, digest);
  for (const args of [{ _sd: [digest], [name]: 1 }, { _sd: [toBase64Url(utf8(digest))] }]) {
    assert.throws(() => revealed(args, [text]), BadDisclosure);
  }
}
