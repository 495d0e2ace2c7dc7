/**
 * Refuses an update that would put an empty table or another key in the place of a member's own. Tables
 * and keys are retained, so nothing would be deleted, but a node would start without its ledger, or with a
 * key that no validator set knows.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { stacks, templates } from './synthesis.ts';

/** Properties whose change makes CloudFormation replace the resource, or refuse the update. */
const REPLACING = {
  'AWS::DynamoDB::GlobalTable': [
    'TableName',
    'KeySchema',
    'AttributeDefinitions',
    'LocalSecondaryIndexes',
  ],
  'AWS::KMS::Key': ['KeySpec', 'KeyUsage', 'MultiRegion', 'Origin'],
  'AWS::S3::Bucket': ['BucketName'],
} as const;

const NODE_TABLE = {
  KeySchema: [
    { AttributeName: 'p', KeyType: 'HASH' },
    { AttributeName: 's', KeyType: 'RANGE' },
  ],
  AttributeDefinitions: [
    { AttributeName: 'p', AttributeType: 'S' },
    { AttributeName: 's', AttributeType: 'S' },
  ],
};
const DIRECTORY = {
  KeySchema: [{ AttributeName: 'p', KeyType: 'HASH' }],
  AttributeDefinitions: [{ AttributeName: 'p', AttributeType: 'S' }],
};
const SIGNING_KEY = { KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' };

/** What is deployed. Logical ids stand here as they are: who renames or moves a construct changes them. */
const DEPLOYED = {
  platform: { VaultKey6B75F33E: {} },
  consortium: {
    Directory98167B95: DIRECTORY,
    RelayMailboxAD8B3EE8: NODE_TABLE,
    MembertaxbureauAttachments9A63CFD3: {},
    MembertaxbureauTableBE8646BE: NODE_TABLE,
    MembertaxbureauSigningKeyDA6CADA5: SIGNING_KEY,
    MemberpaymentplatformAttachments42DBB6A1: {},
    MemberpaymentplatformTable49D31452: NODE_TABLE,
    MemberpaymentplatformSigningKeyB2D86DA2: SIGNING_KEY,
    MembercornershopAttachmentsE71422DE: {},
    MembercornershopTable33D7C653: NODE_TABLE,
    MembercornershopSigningKeyEE6CBC09: SIGNING_KEY,
    MemberbuyercoAttachments03645116: {},
    MemberbuyercoTable295ADD86: NODE_TABLE,
    MemberbuyercoSigningKey89E7CEEC: SIGNING_KEY,
  },
};

describe('an update', () => {
  for (const [name, expected] of Object.entries(DEPLOYED)) {
    it(`replaces no table, key or bucket of the ${name}`, () => {
      const template = templates(true)[name as keyof typeof DEPLOYED];
      const found = Object.entries(REPLACING).flatMap(([type, properties]) =>
        Object.entries(template.findResources(type)).map(([id, { Properties }]) => [
          id,
          Object.fromEntries(
            properties.filter((key) => key in Properties).map((key) => [key, Properties[key]]),
          ),
        ]),
      );
      assert.deepEqual(
        Object.fromEntries(found),
        expected,
        'This change makes CloudFormation put another table, key or bucket in the place of one that is in use: a node would lose its ledger, its vote or its attachments. Keep the logical id and these properties (a moved construct keeps its id by overrideLogicalId); a new member’s or a new kind’s are added to the list.',
      );
    });
  }

  it('deletes no stack by mistake', () => {
    const { platform, consortium } = stacks(true);
    for (const stack of [platform, consortium]) assert.equal(stack.terminationProtection, true);
    for (const stack of [stacks(false).consortium])
      assert.equal(stack.terminationProtection, false);
  });
});
