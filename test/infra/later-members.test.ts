/**
 * What the roles of a member that joins at run time may do: those of the template, with the parameters that the
 * onboarding function gives, within the boundary that CloudFormation's role has to set.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Template } from 'aws-cdk-lib/assertions';
import { memberItem } from '../../functions/directory.ts';
import { VAULT_PARTITION } from '../../functions/dynamodb/vault-store.ts';
import { functionName } from '../../functions/function-name.ts';
import { SETUP_ITEMS } from '../../functions/node/node-record.ts';
import { onboardingItem } from '../../functions/onboarding/record.ts';
import { memberTemplate } from '../../infra/member-template.ts';
import type { Request } from './policy-evaluator.ts';
import { allowedTo, arnOf, policyModel } from './policy-model.ts';
import { consortium, templates } from './synthesis.ts';

const MEMBER = 'newcomer';
const { name, members } = consortium;
const founder = members[0]!.id;
const production = templates(true);
const boundary = Object.keys(production.consortium.findResources('AWS::IAM::ManagedPolicy')).find(
  (id) => id.startsWith('OnboardingBoundary'),
)!;
const directory = arnOf('dynamodb', 'table/Directory');
const vaultKey = arnOf('kms', 'key/VaultKey');
const alarmQueue = arnOf('sqs', 'AlarmQueue');
/** The stack's resources are called by its name; the model calls them by their logical ids. */
const STACK = `fuqi-${name}-member-${MEMBER}`;
const GIVEN: Readonly<Record<string, string>> = {
  Consortium: name,
  Member: MEMBER,
  DirectoryArn: directory,
  VaultKeyArn: vaultKey,
  AlarmQueueArn: alarmQueue,
  BoundaryArn: `arn:aws:iam::111122223333:policy/${boundary}`,
};

/** The template with its parameters' values in their place, and its own logs and tables under the stack's name. */
function launched(): Template {
  const put = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(put);
    if (typeof value !== 'object' || value === null) return value;
    const [key, argument] = Object.entries(value)[0] ?? [];
    if (key === 'Ref' && GIVEN[argument as string]) return GIVEN[argument as string];
    return Object.fromEntries(Object.entries(value).map(([part, inner]) => [part, put(inner)]));
  };
  const { Resources } = put(memberTemplate(true, consortium.limits)) as {
    Resources: Record<string, object>;
  };
  // As CloudFormation names what has no name of its own.
  const text = JSON.stringify({ Resources }).replaceAll(
    /"Node(\w+?)(?=[0-9A-F]{8}")/g,
    `"${STACK}-Node$1`,
  );
  return Template.fromJSON(JSON.parse(text) as object);
}

const model = policyModel([production.platform, production.consortium, launched()]);
const later = (construct: string): string => `${STACK}-Node${construct}`;
const table = arnOf('dynamodb', `table/${later('Table')}`);
const bucket = `arn:aws:s3:::${later('Attachments')}`;
const signingKey = arnOf('kms', `key/${later('SigningKey')}`);
const logOf = (construct: string): string => arnOf('logs', `log-group:${later(construct)}Log:*`);
const functionArn = (of: string, member: string, entry: 'peer' | 'client' | 'setup'): string =>
  arnOf('lambda', `function:${functionName(of, member, entry)}`);
const doors = [...members.map(({ id }) => id), MEMBER].flatMap((member) =>
  (['peer', 'client'] as const).map((entry) => functionArn(name, member, entry)),
);
const PLACES = [
  ...model.resources.keys(),
  ...doors,
  functionArn(name, founder, 'setup'),
  functionArn('other', MEMBER, 'client'),
  `${bucket}/0123/00`,
  'arn:aws:s3:::payroll',
  'arn:aws:s3:::payroll/all',
  arnOf('dynamodb', 'table/Payroll'),
  arnOf('kms', 'key/Payroll'),
];
const ITEMS = [
  memberItem(MEMBER),
  memberItem(founder),
  onboardingItem(MEMBER),
  ...SETUP_ITEMS,
  VAULT_PARTITION,
  's#0',
];
const contextOf = (member: string): Request['context'] => ({
  'kms:EncryptionContext:fuqi:consortium': [name],
  'kms:EncryptionContext:fuqi:member': [member],
  'kms:EncryptionContextKeys': ['fuqi:consortium', 'fuqi:member'],
});

function waysOf(action: string): [string, Request['context']][] {
  if (action === 'kms:Sign') return [['', { 'kms:SigningAlgorithm': ['ECDSA_SHA_256'] }]];
  if (/^kms:(Encrypt|Decrypt)$/.test(action))
    return [MEMBER, founder].map((id) => [id, contextOf(id)]);
  return /^dynamodb:.*(Item|Query)$/.test(action)
    ? ITEMS.map((item) => [item, { 'dynamodb:LeadingKeys': [item] }])
    : [['', {}]];
}

function allowed(construct: string): string[] {
  assert.ok(model.roles.get(later(construct))!.boundary, 'it has a boundary');
  const dangerous = ['dynamodb:Scan', 'iam:PassRole', 'kms:CreateGrant'];
  return allowedTo(model, later(construct), {
    places: [...new Set(PLACES)],
    ...{ dangerous, waysOf },
  }).sort();
}
const lines = (actions: string, place: string, ways: readonly string[] = ['']): string[] =>
  actions.split(' ').flatMap((action) => ways.map((way) => `${action} ${place} ${way}`.trim()));
const logs = (...constructs: string[]): string[] =>
  constructs.flatMap((one) => lines('logs:CreateLogStream logs:PutLogEvents', logOf(one)));

describe('the roles of a member that joins at run time', () => {
  it('let its node reach its own, and the others’ doors', () => {
    assert.deepEqual(
      allowed('NodeRole'),
      [
        ...lines(
          'dynamodb:BatchGetItem dynamodb:BatchWriteItem dynamodb:GetItem dynamodb:PutItem dynamodb:Query dynamodb:UpdateItem',
          table,
          ITEMS,
        ),
        ...lines('dynamodb:DeleteItem', table, [VAULT_PARTITION]),
        ...lines('dynamodb:DescribeTable', table),
        ...lines('s3:DeleteObject s3:GetObject s3:PutObject', `${bucket}/0123/00`),
        ...lines('s3:ListBucket', bucket),
        ...lines('dynamodb:GetItem', directory, ITEMS),
        ...lines('kms:DescribeKey kms:GetPublicKey kms:Sign', signingKey),
        ...lines('kms:Decrypt', vaultKey, [MEMBER]),
        ...lines('sqs:SendMessage', alarmQueue),
        ...doors.flatMap((door) => lines('lambda:InvokeFunction', door)),
        ...logs('Peer', 'Client'),
      ].sort(),
    );
  });

  it('let its setup write what it is there for', () => {
    assert.deepEqual(
      allowed('SetupRole'),
      [
        ...lines('dynamodb:DescribeTable', table),
        ...lines('dynamodb:GetItem dynamodb:PutItem', table, SETUP_ITEMS),
        ...lines('dynamodb:PutItem', directory, [memberItem(MEMBER)]),
        ...lines('kms:GetPublicKey', signingKey),
        ...lines('kms:Encrypt kms:Decrypt', vaultKey, [MEMBER]),
        ...logs('Setup'),
      ].sort(),
    );
  });
});
