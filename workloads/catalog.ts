/**
 * The contracts that this build's nodes can run, with the hashes of their code.
 */
import type { Digest } from '../shared/bytes/digest.ts';
import { type Catalog, catalog } from '../shared/contract/catalog.ts';
import { governance } from '../shared/contract/governance.ts';
import { identity } from '../shared/contract/identity.ts';
import { CODE_HASHES } from './code-hashes.ts';
import { invoiceContract } from './invoice/contract.ts';

export const contracts: Catalog = catalog([
  { contract: governance, codeHash: CODE_HASHES.governance as string as Digest },
  { contract: identity, codeHash: CODE_HASHES.identity as string as Digest },
  { contract: invoiceContract, codeHash: CODE_HASHES.invoice as string as Digest },
]);
