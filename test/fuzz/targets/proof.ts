/** Receipts, state proofs and evidence as `fuqi verify` reads them: JSON texts. */

import { textOf } from '../invariant.ts';
import { checkProof } from '../proofs.ts';

export function fuzz(data: Uint8Array): void {
  let json: unknown;
  try {
    json = JSON.parse(textOf(data));
  } catch {
    return;
  }
  checkProof(json);
}
