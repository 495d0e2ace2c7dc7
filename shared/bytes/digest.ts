/**
 * Domain-separated digests: the tag is part of what is hashed, so a digest made for one purpose
 * can never pass for another. Every tag in use is listed here and in docs/protocol.md.
 */
import { sha256Hex } from './crypto.ts';
import { utf8 } from './text.ts';

/** A SHA-256 digest as 64 lowercase hex characters: comparable with `===`, usable as a map key. */
export type Digest = string & { readonly __digest: unique symbol };

/** What a digest is of. Tags hold no NUL, so `tag ‖ 0x00 ‖ data` is unambiguous. */
export type DigestTag =
  | 'fuqi/v1/genesis'
  | 'fuqi/v1/transaction'
  | 'fuqi/v1/header'
  | 'fuqi/v1/vote'
  | 'fuqi/v1/timeout'
  | 'fuqi/v1/attestation'
  | 'fuqi/v1/ready'
  | 'fuqi/v1/validators'
  | 'fuqi/v1/state-leaf'
  | 'fuqi/v1/state-node'
  | 'fuqi/v1/code'
  | 'fuqi/v1/proposal'
  | 'fuqi/v1/invitation'
  | 'fuqi/v1/event';

const prefixes = new Map<DigestTag, Uint8Array>();

/** SHA-256(tag ‖ 0x00 ‖ data). */
export function taggedDigest(tag: DigestTag, data: Uint8Array): Digest {
  let prefix = prefixes.get(tag);
  if (!prefix) {
    prefix = utf8(`${tag}\0`);
    prefixes.set(tag, prefix);
  }
  return sha256Hex(Buffer.concat([prefix, data])) as Digest;
}

const DIGEST = /^[0-9a-f]{64}$/;

/** Whether a text has the form of a digest. */
export const isDigest = (text: string): text is Digest => DIGEST.test(text);

/** The parent of the genesis block, and the digest that stands for "nothing". */
export const ZERO_DIGEST = '0'.repeat(64) as Digest;
