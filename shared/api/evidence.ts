/** `GET …/evidence/{id}/proof`: recorded evidence as a file that `fuqi verify` checks offline. */
import type { ApiContext, NodeApi } from './node-api.ts';
import { problem } from './problem.ts';

/** Answers the proof; the record alone is the contract's query `GET …/evidence/{id}`. */
export async function getEvidenceProof(c: ApiContext, { service }: NodeApi): Promise<Response> {
  const id = c.req.param('id') ?? '';
  const proof = await service.evidenceProof(id);
  if (proof) return c.json(proof);
  return problem('not-found', 'The ledger has no such evidence; GET …/evidence lists it.', {
    got: id,
  });
}
