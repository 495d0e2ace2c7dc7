/**
 * The contracts that this build's nodes can run, with the hashes of their code. A new contract is one
 * import and one entry here, and its files in `hash-contracts.ts`.
 */
import type { Digest } from '../shared/bytes/digest.ts';
import { type Catalog, catalog } from '../shared/contract/catalog.ts';
import { confidentialContract } from '../shared/contract/confidential-contract.ts';
import type { Contract } from '../shared/contract/define.ts';
import { evidence } from '../shared/contract/evidence.ts';
import { governance } from '../shared/contract/governance.ts';
import { identity } from '../shared/contract/identity.ts';
import { CODE_HASHES } from './code-hashes.ts';
import { einvoiceContract } from './einvoice/contract.ts';
import { invoiceContract } from './invoice/contract.ts';

const CONTRACTS: readonly Contract[] = [
  governance,
  identity,
  evidence,
  confidentialContract,
  invoiceContract,
  einvoiceContract,
];

const hashes: Readonly<Record<string, string>> = CODE_HASHES;

export const contracts: Catalog = catalog(
  CONTRACTS.map((contract) => {
    const codeHash = hashes[contract.name];
    if (codeHash) return { contract, codeHash: codeHash as Digest };
    throw new Error(`${contract.name} has no code hash: run "npm run contracts:hash"`);
  }),
);
