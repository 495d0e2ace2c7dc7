/** Receipts, state proofs and evidence as `fuqi verify` reads them: JSON texts. */

import { jsonOf } from '../invariant.ts';
import { checkProof } from '../proofs.ts';

export function fuzz(data: Uint8Array): void {
  const json = jsonOf(data);
  if (json === undefined) return;
  checkProof(json);
}
