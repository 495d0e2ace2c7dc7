/** For contracts: the digest of a text, of which they have no other way to make one. */
import { sha256Hex } from '../bytes/crypto.ts';
import { utf8 } from '../bytes/text.ts';

/** SHA-256 of a text’s UTF-8, in lower-case hex: what `sha256sum` prints. */
export const textDigest = (text: string): string => sha256Hex(utf8(text));
