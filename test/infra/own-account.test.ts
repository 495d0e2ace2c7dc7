/** What the template for a member's own account promises: the same node, nothing from outside, and who may do what. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Template } from 'aws-cdk-lib/assertions';
import { GENESIS_ITEM, memberItem } from '../../functions/directory.ts';
import { VAULT_PARTITION } from '../../functions/dynamodb/vault-store.ts';
import { functionName } from '../../functions/function-name.ts';
import { SETUP_ITEMS } from '../../functions/node/node-record.ts';
import { onboardingItem } from '../../functions/onboarding/record.ts';
import { memberTemplate } from '../../infra/member-template.ts';
import { ownFiles } from '../../infra/release.ts';
import { OWN_ACCOUNT_PARAMETERS } from '../../shared/api/own-account.ts';
import { isAllowed, type Request } from './policy-evaluator.ts';
import { allowedTo, arnOf, policyModel } from './policy-model.ts';
import { consortium, ownAccount } from './synthesis.ts';

const template = Template.fromStack(ownAccount(true).stack);
const json = template.toJSON();
type Resource = {
  readonly Type: string;
  readonly Properties: Readonly<Record<string, unknown>>;
  readonly DependsOn?: readonly string[];
  readonly DeletionPolicy?: string;
  readonly UpdateReplacePolicy?: string;
};
const resources = Object.entries(json.Resources as Record<string, Resource>);

/** The parts of a member's node by their logical ids, and what each is. */
const nodeOf = (all: Record<string, Resource>): string[] =>
  Object.entries(all)
    .filter(([id]) => id.startsWith('Node'))
    .map(([id, { Type }]) => `${id.replace(/[0-9A-F]{8}$/, '')} ${Type}`)
    .sort();

describe('the template for a member’s own account', () => {
  it('makes the same node as the template of hosted members', () => {
    const hosted = memberTemplate(true, consortium.limits) as typeof json;
    assert.deepEqual(nodeOf(json.Resources), nodeOf(hosted.Resources));
  });

  it('needs nothing but its parameters, and is short enough for the command line', () => {
    const described = Object.entries(
      json.Parameters as Record<string, { readonly Description: string }>,
    ).map(([name, { Description }]) => [name, Description]);
    assert.deepEqual(Object.fromEntries(described), OWN_ACCOUNT_PARAMETERS);
    assert.equal(json.Parameters.Invitation.NoEcho, true);
    const text = JSON.stringify(json);
    assert.ok(!text.includes('cdk-hnb659fds'), 'no bucket of a deployment of ours');
    assert.ok(text.length <= 51_200, `${text.length} characters`);
  });

  it('takes code by its SHA-256 only, and waits for it', () => {
    const [fetched] = resources.find(([id]) => id.startsWith('OwnCode'))!;
    const files = ownFiles().map(({ name, sha256 }) => ({ Name: name, Sha256: sha256 }));
    assert.deepEqual(json.Resources[fetched].Properties.Files, files);
    for (const [id, { Type, DependsOn = [], Properties }] of resources) {
      if (Type !== 'AWS::Lambda::Function' || id.startsWith('OwnFetch')) continue;
      assert.ok(DependsOn.includes(fetched), id);
      assert.match(JSON.stringify(Properties.Code), /"Ref":"OwnBucket/);
    }
  });

  it('goes with a candidate’s stack, and leaves what an update would replace', () => {
    const types = ['AWS::KMS::Key', 'AWS::DynamoDB::GlobalTable'];
    const kept = resources.filter(
      ([id, { Type }]) =>
        types.includes(Type) || (Type === 'AWS::S3::Bucket' && id.startsWith('NodeAttachments')),
    );
    for (const [id, { DeletionPolicy, UpdateReplacePolicy }] of kept) {
      assert.equal(DeletionPolicy, 'Delete', id);
      if (id.startsWith('Directory')) continue;
      assert.equal(UpdateReplacePolicy, 'Retain', id);
    }
    assert.equal(kept.length, 5);
  });

  it('gives votes room of their own, and a door of their own', () => {
    const [peer, { Properties }] = resources.find(
      ([id, { Type }]) => id.startsWith('NodePeer') && Type === 'AWS::Lambda::Function',
    )!;
    assert.deepEqual(Properties.ReservedConcurrentExecutions, {
      'Fn::If': ['HasVoteConcurrency', { Ref: 'VoteConcurrency' }, { Ref: 'AWS::NoValue' }],
    });
    assert.equal(json.Parameters.VoteConcurrency.Default, '10');
    const route = resources.find(([, one]) => one.Properties.RouteKey === 'POST /peer')![1];
    const [integration] = /ApiPOSTpeerPeerIntegration[0-9A-F]+/.exec(JSON.stringify(route))!;
    assert.deepEqual(json.Resources[integration].Properties.IntegrationUri, {
      'Fn::GetAtt': [peer, 'Arn'],
    });
  });
});

const model = policyModel([template]);
const [own, other] = ['Consortium', 'Other'];
const member = 'Member';
const functionArn = (of: string, whose: string, entry: 'peer' | 'client' | 'setup' | 'joining') =>
  arnOf('lambda', `function:${functionName(of, whose, entry)}`);
const table = arnOf('dynamodb', 'table/NodeTable');
const directory = arnOf('dynamodb', 'table/Directory');
const signingKey = arnOf('kms', 'key/NodeSigningKey');
const vaultKey = arnOf('kms', 'key/VaultKey');
const alarmQueue = arnOf('sqs', 'AlarmQueue');
const logOf = (name: string): string => arnOf('logs', `log-group:${name}Log:*`);
const attachments = 'arn:aws:s3:::NodeAttachments';
const BUCKET = 'arn:aws:s3:::code/release/node.zip';
const ITEMS = [
  GENESIS_ITEM,
  memberItem(member),
  onboardingItem(member),
  ...SETUP_ITEMS,
  VAULT_PARTITION,
  'state#0',
];
const PLACES = [
  ...model.resources.keys(),
  ...[own, other].flatMap((of) =>
    (['peer', 'client', 'setup', 'joining'] as const).flatMap((entry) => [
      functionArn(of, member, entry),
      functionArn(of, 'another', entry),
    ]),
  ),
  'AWS::StackId',
  arnOf('cloudformation', 'stack/payroll/1'),
  arnOf('dynamodb', 'table/payroll'),
  arnOf('kms', 'key/payroll'),
  BUCKET,
  `${attachments}/0123/00`,
];
const contextOf = (key: string, of: string): Request['context'] => ({
  'kms:EncryptionContext:fuqi:consortium': [own],
  [`kms:EncryptionContext:fuqi:${key}`]: [of],
  'kms:EncryptionContextKeys': ['fuqi:consortium', `fuqi:${key}`],
});

function waysOf(action: string): [string, Request['context']][] {
  if (action === 'kms:Sign') return [['', { 'kms:SigningAlgorithm': ['ECDSA_SHA_256'] }]];
  if (/^kms:(Encrypt|Decrypt)$/.test(action)) {
    return ['member', 'onboarding'].flatMap((key): [string, Request['context']][] =>
      [member, 'another'].map((of) => [`${key}=${of}`, contextOf(key, of)]),
    );
  }
  if (/^dynamodb:.*(Item|Query)$/.test(action)) {
    return ITEMS.map((item) => [item, { 'dynamodb:LeadingKeys': [item] }]);
  }
  return [['', {}]];
}

/** All that a role may do to anything of this small world. */
function allowed(role: string): string[] {
  const dangerous = ['kms:CreateGrant', 'dynamodb:DeleteTable', 'iam:PassRole'];
  return allowedTo(model, role, { places: PLACES, dangerous, waysOf }).sort();
}

const lines = (actions: string, resource: string, ways: readonly string[] = ['']): string[] =>
  actions.split(' ').flatMap((action) => ways.map((way) => `${action} ${resource} ${way}`.trim()));
const logs = (...names: string[]): string[] =>
  names.flatMap((name) => lines('logs:CreateLogStream logs:PutLogEvents', logOf(name)));

const REVIEWED: Readonly<Record<string, readonly string[]>> = {
  NodeNodeRole: [
    ...lines(
      'dynamodb:BatchGetItem dynamodb:BatchWriteItem dynamodb:GetItem dynamodb:PutItem dynamodb:Query dynamodb:UpdateItem',
      table,
      ITEMS,
    ),
    ...lines('dynamodb:DeleteItem', table, [VAULT_PARTITION]),
    ...lines('dynamodb:DescribeTable', table),
    ...lines('s3:DeleteObject s3:GetObject s3:PutObject', `${attachments}/0123/00`),
    ...lines('s3:ListBucket', attachments),
    ...lines('dynamodb:GetItem', directory, ITEMS),
    ...lines('kms:DescribeKey kms:GetPublicKey kms:Sign', signingKey),
    ...lines('kms:Decrypt', vaultKey, [`member=${member}`]),
    ...lines('sqs:SendMessage', alarmQueue),
    ...lines('lambda:InvokeFunction', functionArn(own, member, 'client')),
    ...logs('NodePeer', 'NodeClient'),
  ],
  NodeSetupRole: [
    ...lines('dynamodb:DescribeTable', table),
    ...lines('dynamodb:GetItem dynamodb:PutItem', table, SETUP_ITEMS),
    ...lines('dynamodb:PutItem', directory, [memberItem(member)]),
    ...lines('kms:GetPublicKey', signingKey),
    ...lines('kms:Encrypt kms:Decrypt', vaultKey, [`member=${member}`]),
    ...logs('NodeSetup'),
  ],
  JoiningRole: [
    ...lines('dynamodb:GetItem', directory, ITEMS),
    ...lines('dynamodb:PutItem', directory, [GENESIS_ITEM, onboardingItem(member)]),
    ...lines('kms:Encrypt kms:Decrypt', vaultKey, [`onboarding=${member}`]),
    ...lines('sqs:SendMessage', alarmQueue),
    ...lines('lambda:InvokeFunction', functionArn(own, member, 'client')),
    ...lines('cloudformation:UpdateTerminationProtection', 'AWS::StackId'),
    ...logs('JoiningFunction'),
  ],
  AlarmRole: [
    ...lines(
      'sqs:ReceiveMessage sqs:ChangeMessageVisibility sqs:GetQueueUrl sqs:DeleteMessage sqs:GetQueueAttributes',
      alarmQueue,
    ),
    ...lines('lambda:InvokeFunction', functionArn(own, member, 'client')),
    ...lines('lambda:InvokeFunction', functionArn(own, member, 'joining')),
    ...logs('Alarm'),
  ],
  OwnFetchRole: logs('OwnFetch'),
};

describe('the policies in a member’s own account', () => {
  it('are of these roles and no others, which only functions take', () => {
    assert.deepEqual([...model.roles.keys()].sort(), Object.keys(REVIEWED).sort());
    for (const { trusted } of model.roles.values()) {
      assert.deepEqual(trusted, ['lambda.amazonaws.com']);
    }
  });

  for (const [role, reviewed] of Object.entries(REVIEWED)) {
    it(`allow ${role} what was reviewed, and nothing else`, () => {
      assert.deepEqual(allowed(role), [...new Set(reviewed)].sort());
    });
  }

  it('let nobody but the node sign', () => {
    const everything = [
      { effect: 'Allow', actions: ['*'], resources: ['*'], principals: [], condition: {} },
    ] as const;
    const context = { 'kms:SigningAlgorithm': ['ECDSA_SHA_256'] };
    const principal = 'arn:aws:iam::111122223333:role/Administrator';
    const resource = model.resources.get(signingKey)!;
    assert.equal(
      isAllowed(
        { action: 'kms:Sign', resource: signingKey, context },
        { principal, identity: everything, resource },
      ),
      false,
    );
  });
});
