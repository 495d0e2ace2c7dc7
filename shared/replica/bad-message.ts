/**
 * What no correct node sends. It is thrown where a request is handled, so that hosts can tell it from a fault
 * of their own: it is answered 400, and counts against its sender.
 */
export type BadKind =
  | 'undecodable'
  | 'forged-certificate'
  | 'forged-proposal'
  | 'forged-timeout'
  | 'forged-transaction'
  | 'forged-values';

export class BadMessage extends Error {
  readonly kind: BadKind;
  constructor(kind: BadKind, what: string) {
    super(what);
    this.kind = kind;
  }
}

/** Decodes what a peer sent. */
export function decodeSent<T>(decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    throw new BadMessage('undecodable', (error as Error).message);
  }
}
