/** JSON documents that come from elsewhere: genesis documents, agreements, configurations, mappings, rings of the relay. */
import assert from 'node:assert/strict';
import type { z } from 'zod';
import { GatewayConfigSchema, NodeConfigSchema } from '../../../node/config.ts';
import { JoinSchema } from '../../../shared/api/join.ts';
import { OwnAccountSchema } from '../../../shared/api/own-account.ts';
import { RingSchema } from '../../../shared/api/relay.ts';
import { TokenIssuersSchema } from '../../../shared/api/token-issuer.ts';
import { isDigest } from '../../../shared/bytes/digest.ts';
import { EvidenceSchema } from '../../../shared/ledger/evidence.ts';
import { GenesisSchema, ledgerId } from '../../../shared/ledger/genesis.ts';
import { agreementPayload, parseAgreement } from '../../../shared/ledger/recovery.ts';
import { CsvMappingSchema } from '../../../workloads/invoice/import/csv-mapping.ts';
import { jsonOf } from '../invariant.ts';

const SCHEMAS: readonly z.ZodType[] = [
  NodeConfigSchema,
  GatewayConfigSchema,
  JoinSchema,
  OwnAccountSchema,
  RingSchema,
  TokenIssuersSchema,
  EvidenceSchema,
  CsvMappingSchema,
];

export function fuzz(data: Uint8Array): void {
  const json = jsonOf(data);
  if (json === undefined) return;
  for (const schema of SCHEMAS) {
    const parsed = schema.safeParse(json);
    // What was accepted, with its defaults, is accepted as itself.
    if (parsed.success) assert.deepEqual(schema.parse(parsed.data), parsed.data);
  }
  const genesis = GenesisSchema.safeParse(json);
  if (genesis.success) {
    const id = ledgerId(genesis.data);
    assert.ok(isDigest(id));
    // Whoever gets the document as text finds the same ledger.
    assert.equal(ledgerId(GenesisSchema.parse(JSON.parse(JSON.stringify(genesis.data)))), id);
  }
  const agreement = parseAgreement(json);
  if (typeof agreement === 'string') assert.ok(agreement.length > 0);
  else {
    const payload = agreementPayload(agreement.agreement);
    const again = parseAgreement({ ...(json as object), payload });
    assert.ok(typeof again !== 'string');
    assert.deepEqual(again.agreement, agreement.agreement);
  }
}
