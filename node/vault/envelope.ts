/**
 * What travels to a reader's vault: a compact JWE (RFC 7516) to the public half of its vault key, by ECDH-ES+A256KW
 * (RFC 7518 §4.6) and A256GCM (§5.3), and no other way. It has one recipient: each reader gets an envelope of its own.
 */
import { CompactEncrypt, compactDecrypt, decodeProtectedHeader, errors } from 'jose';
import { jwkThumbprint, type PublicJwk } from '../../shared/bytes/crypto.ts';
import { BadEnvelope, ForAnotherKey } from '../../shared/ports/value-keeper.ts';
import type { VaultKey } from './vault-key.ts';

const ALGORITHM = 'ECDH-ES+A256KW';
const ENCRYPTION = 'A256GCM';
/** The JWE `typ` header: no other encrypted text can pass for one. */
export const ENVELOPE_TYPE = 'fuqi-values+jwe';
/** Of what a member's vault gives to the one that takes its place. */
export const VAULT_TYPE = 'fuqi-vault+jwe';
type EnvelopeType = typeof ENVELOPE_TYPE | typeof VAULT_TYPE;
/** Nothing that a vault keeps needs more. */
const ENVELOPE_CHARACTERS_MAX = 768 * 1024;

/** Encrypts bytes to a reader. */
export function encryptTo(
  reader: PublicJwk,
  content: Uint8Array,
  typ: EnvelopeType = ENVELOPE_TYPE,
): Promise<string> {
  return new CompactEncrypt(content)
    .setProtectedHeader({
      ...{ alg: ALGORITHM, enc: ENCRYPTION, typ },
      kid: jwkThumbprint(reader),
    })
    .encrypt(reader);
}

/** Opens an envelope with the one of the keys that it is for. Throws `BadEnvelope`. */
export async function openEnvelope(
  keys: readonly VaultKey[],
  envelope: string,
  expected: EnvelopeType = ENVELOPE_TYPE,
): Promise<Uint8Array> {
  if (envelope.length > ENVELOPE_CHARACTERS_MAX) {
    throw new BadEnvelope(`an envelope of more than ${ENVELOPE_CHARACTERS_MAX} characters`);
  }
  const { typ, kid } = headerOf(envelope);
  if (typ !== expected) throw new BadEnvelope(`an envelope whose typ is not ${expected}`);
  const key = keys.find(({ id }) => id === kid);
  if (!key) throw new ForAnotherKey('an envelope to another key than this member’s vault key');
  try {
    const { plaintext } = await compactDecrypt(envelope, key.privateKey, {
      keyManagementAlgorithms: [ALGORITHM],
      contentEncryptionAlgorithms: [ENCRYPTION],
    });
    return plaintext;
  } catch (error) {
    if (error instanceof errors.JOSEAlgNotAllowed) {
      throw new BadEnvelope(`an envelope by another algorithm than ${ALGORITHM} and ${ENCRYPTION}`);
    }
    throw new BadEnvelope('an envelope that does not open');
  }
}

function headerOf(envelope: string): { readonly typ?: unknown; readonly kid?: unknown } {
  try {
    return decodeProtectedHeader(envelope);
  } catch {
    throw new BadEnvelope('an envelope that is no compact JWE');
  }
}
