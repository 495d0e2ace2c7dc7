/**
 * Who may do what: every role of the production templates against every resource in them and a few
 * strangers. What is allowed must be the list of this file, line for line; all else is denied.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { GENESIS_ITEM, memberItem } from '../../functions/directory.ts';
import { VAULT_PARTITION } from '../../functions/dynamodb/vault-store.ts';
import { functionName, onboardingFunction, relayFunction } from '../../functions/function-name.ts';
import { SETUP_ITEMS } from '../../functions/node/node-record.ts';
import { onboardingItem } from '../../functions/onboarding/record.ts';
import { isAllowed, type Request } from './policy-evaluator.ts';
import { allowedTo, arnOf, policyModel } from './policy-model.ts';
import { consortium, logicalName, templates } from './synthesis.ts';

const production = templates(true);
const model = policyModel([production.platform, production.consortium]);
const { roles, resources } = model;
const MEMBERS = consortium.members.map(({ id }) => id);
const { name } = consortium;

const functionArn = (of: string, member: string, entry: 'peer' | 'client' | 'setup'): string =>
  arnOf('lambda', `function:${functionName(of, member, entry)}`);
const tableArn = (construct: string): string => arnOf('dynamodb', `table/${construct}`);
const bucketArn = (construct: string): string => `arn:aws:s3:::${construct}`;
const keyArn = (construct: string): string => arnOf('kms', `key/${construct}`);
const logArn = (construct: string): string => arnOf('logs', `log-group:${construct}Log:*`);
const of = (member: string) => {
  const construct = logicalName(member);
  return {
    table: tableArn(`${construct}Table`),
    bucket: bucketArn(`${construct}Attachments`),
    signingKey: keyArn(`${construct}SigningKey`),
    log: (entry: string) => logArn(`${construct}${entry}`),
  };
};
const objectOf = (bucket: string): string => `${bucket}/0123/00`;
const directory = tableArn('Directory');
const vaultKey = keyArn('VaultKey');
const alarmQueue = arnOf('sqs', 'AlarmQueue');

/** Made at run time for a member that joins: its stack, and what is in it. */
const later = `fuqi-${name}-member-newcomer`;
const laterStack = arnOf('cloudformation', `stack/${later}/1`);
const laterTable = tableArn(`${later}-Table`);
const laterBucket = bucketArn(`${later}-nodeattachments`);
const laterRule = arnOf('events', `rule/${later}-KeyLoss`);
const laterLog = arnOf('logs', `log-group:${later}-PeerLog`);
const laterRole = `arn:aws:iam::111122223333:role/${later}-NodeRole`;
const onboardingArn = (of: string): string => arnOf('lambda', `function:${onboardingFunction(of)}`);
const relayArn = arnOf('lambda', `function:${relayFunction(name)}`);
const mailbox = tableArn('RelayMailbox');
const socket = arnOf('execute-api', 'RelaySockets34A68C61/live/POST/@connections/1');

/** Not in these templates: members that join later, other consortia and what is none of ours. */
const STRANGERS = [
  laterStack,
  laterTable,
  laterBucket,
  laterLog,
  ...MEMBERS.map((member) => objectOf(of(member).bucket)),
  laterRule,
  arnOf('events', 'rule/payroll'),
  laterRole,
  onboardingArn('other'),
  arnOf('cloudformation', 'stack/fuqi-other-member-newcomer/1'),
  socket,
  arnOf('execute-api', 'Payroll/live/POST/@connections/1'),
  functionArn(name, 'newcomer', 'client'),
  functionArn(name, 'newcomer', 'peer'),
  functionArn(name, 'newcomer', 'setup'),
  functionArn(`${name}-2`, 'newcomer', 'client'),
  functionArn(`${name}-2`, 'newcomer', 'peer'),
  functionArn('other', 'newcomer', 'peer'),
  functionArn('other', 'newcomer', 'client'),
  arnOf('lambda', 'function:payroll'),
  tableArn('Payroll'),
  keyArn('Payroll'),
  arnOf('sqs', 'payroll'),
  arnOf('logs', 'log-group:payroll:*'),
  'arn:aws:iam::111122223333:role/Administrator',
  'arn:aws:s3:::payroll/all',
];

/** Beside what policies name: what would be worst to allow. */
const DANGEROUS = [
  'dynamodb:DeleteItem',
  'dynamodb:DeleteTable',
  'dynamodb:PartiQLSelect',
  'dynamodb:RestoreTableFromBackup',
  'dynamodb:Scan',
  'dynamodb:UpdateTable',
  'iam:AttachRolePolicy',
  'iam:CreateRole',
  'iam:PassRole',
  'iam:PutRolePolicy',
  'kms:CreateGrant',
  'kms:DisableKey',
  'kms:GenerateDataKey',
  'kms:PutKeyPolicy',
  'kms:ReEncryptFrom',
  'kms:ScheduleKeyDeletion',
  'lambda:AddPermission',
  'lambda:GetFunction',
  'lambda:UpdateFunctionCode',
  'lambda:UpdateFunctionConfiguration',
  'logs:DeleteLogGroup',
  'logs:GetLogEvents',
  's3:GetObject',
  's3:PutBucketVersioning',
  'sqs:PurgeQueue',
  'sts:AssumeRole',
];

const ITEMS = [
  GENESIS_ITEM,
  ...MEMBERS.map(memberItem),
  ...SETUP_ITEMS,
  onboardingItem('newcomer'),
  VAULT_PARTITION,
  'record#safety',
  'state#0',
] as const;
const contextOf = (of: string, key: 'member' | 'onboarding', value: string) => ({
  'kms:EncryptionContext:fuqi:consortium': [of],
  [`kms:EncryptionContext:fuqi:${key}`]: [value],
  'kms:EncryptionContextKeys': ['fuqi:consortium', `fuqi:${key}`],
});
const sealedFor = (of: string, member: string): string => `sealed for ${of}/${member}`;

/** The ways to make a call that its policy may tell apart, by what this file calls them. */
function waysOf(action: string): [text: string, context: Request['context']][] {
  if (action === 'kms:Sign') {
    return ['ECDSA_SHA_256', 'ECDSA_SHA_384'].map((algorithm) => [
      algorithm,
      { 'kms:SigningAlgorithm': [algorithm] },
    ]);
  }
  if (action === 'kms:Encrypt' || action === 'kms:Decrypt') {
    return [
      ...[...MEMBERS.map((id) => [name, id] as const), ['other', MEMBERS[0]!] as const].map(
        ([of, member]): [string, Request['context']] => [
          sealedFor(of, member),
          contextOf(of, 'member', member),
        ],
      ),
      ...[name, 'other'].map((of): [string, Request['context']] => [
        sealedFor(of, 'an onboarding'),
        contextOf(of, 'onboarding', 'newcomer'),
      ]),
    ];
  }
  if (/^dynamodb:.*(Item|Query)$/.test(action)) {
    return ITEMS.map((item) => [item, { 'dynamodb:LeadingKeys': [item] }]);
  }
  return [['', {}]];
}

const line = (role: string, action: string, resource: string, how = ''): string =>
  [role, action, resource, how].join(' ').trim();

/** Everything that the policies allow in this small world. */
function allowed(): string[] {
  const trial = { places: [...resources.keys(), ...STRANGERS], dangerous: DANGEROUS, waysOf };
  return [...roles.keys()].flatMap((role) =>
    allowedTo(model, role, trial).map((call) => `${role} ${call}`),
  );
}

/** Lines of one role: what it may do there, with which items or in which way. */
const may = (
  role: string,
  actions: readonly string[],
  places: readonly string[],
  ways: readonly string[] = [''],
): string[] =>
  places.flatMap((place) =>
    actions.flatMap((action) => ways.map((way) => line(role, action, place, way))),
  );
const actionsOf = (service: string, actions: string): string[] =>
  actions.split(' ').map((action) => `${service}:${action}`);
const mayLog = (role: string, ...logs: string[]): string[] =>
  may(role, ['logs:CreateLogStream', 'logs:PutLogEvents'], logs);

const doors = [...MEMBERS, 'newcomer'].flatMap((member) => [
  functionArn(name, member, 'peer'),
  functionArn(name, member, 'client'),
]);

function node(member: string): string[] {
  const role = `${logicalName(member)}NodeRole`;
  const { table, bucket, signingKey, log } = of(member);
  const items = ['BatchGetItem', 'BatchWriteItem', 'GetItem', 'PutItem', 'Query', 'UpdateItem'];
  return [
    ...may(
      role,
      items.map((action) => `dynamodb:${action}`),
      [table],
      ITEMS,
    ),
    ...may(role, ['dynamodb:DeleteItem'], [table], [VAULT_PARTITION]),
    ...may(role, ['dynamodb:DescribeTable'], [table]),
    ...may(role, actionsOf('s3', 'DeleteObject GetObject PutObject'), [objectOf(bucket)]),
    ...may(role, ['s3:ListBucket'], [bucket]),
    ...may(role, ['dynamodb:GetItem'], [directory], ITEMS),
    ...may(role, ['kms:DescribeKey', 'kms:GetPublicKey'], [signingKey]),
    ...may(role, ['kms:Sign'], [signingKey], ['ECDSA_SHA_256']),
    ...may(role, ['kms:Decrypt'], [vaultKey], [sealedFor(name, member)]),
    ...may(role, ['sqs:SendMessage'], [alarmQueue]),
    ...may(role, ['lambda:InvokeFunction'], doors),
    ...mayLog(role, log('Peer'), log('Client')),
  ];
}

function setup(member: string): string[] {
  const role = `${logicalName(member)}SetupRole`;
  const { table, signingKey, log } = of(member);
  return [
    ...may(role, ['dynamodb:DescribeTable'], [table]),
    ...may(role, ['dynamodb:GetItem', 'dynamodb:PutItem'], [table], SETUP_ITEMS),
    ...may(role, ['dynamodb:PutItem'], [directory], [memberItem(member)]),
    ...may(role, ['kms:GetPublicKey'], [signingKey]),
    ...may(role, ['kms:Encrypt', 'kms:Decrypt'], [vaultKey], [sealedFor(name, member)]),
    ...mayLog(role, log('Setup')),
  ];
}

const gateway = [
  ...may('GatewayRole', ['lambda:InvokeFunction'], [...doors, onboardingArn(name), relayArn]),
  ...mayLog('GatewayRole', logArn('Gateway')),
];

const genesis = [
  ...may('GenesisRole', ['dynamodb:GetItem'], [directory], ITEMS),
  ...may('GenesisRole', ['dynamodb:PutItem'], [directory], [GENESIS_ITEM]),
  ...mayLog('GenesisRole', logArn('Genesis')),
];

const RECEIVE = [
  'ReceiveMessage',
  'ChangeMessageVisibility',
  'GetQueueUrl',
  'DeleteMessage',
  'GetQueueAttributes',
];
const alarm = [
  ...may(
    'AlarmRole',
    RECEIVE.map((action) => `sqs:${action}`),
    [alarmQueue],
  ),
  ...may(
    'AlarmRole',
    ['lambda:InvokeFunction'],
    [
      ...[...MEMBERS, 'newcomer'].map((member) => functionArn(name, member, 'client')),
      functionArn(`${name}-2`, 'newcomer', 'client'),
      functionArn('other', 'newcomer', 'client'),
      onboardingArn(name),
      onboardingArn('other'),
    ],
  ),
  ...mayLog('AlarmRole', logArn('Alarm')),
];

const everybody = [...MEMBERS, 'newcomer'];
const clients = everybody.map((member) => functionArn(name, member, 'client'));

const ONBOARDING = 'OnboardingRole';
const onboarding = [
  ...may(
    ONBOARDING,
    actionsOf('cloudformation', 'CreateStack DeleteStack DescribeStacks UpdateStack'),
    [laterStack],
  ),
  ...may(ONBOARDING, ['iam:PassRole'], ['arn:aws:iam::111122223333:role/OnboardingMaker']),
  ...may(ONBOARDING, ['dynamodb:GetItem'], [directory], ITEMS),
  ...may(ONBOARDING, ['dynamodb:PutItem'], [directory], [onboardingItem('newcomer')]),
  ...may(
    ONBOARDING,
    actionsOf('kms', 'Encrypt Decrypt'),
    [vaultKey],
    [sealedFor(name, 'an onboarding')],
  ),
  // A founder's setup would hand its first keys out.
  ...may(
    ONBOARDING,
    ['lambda:InvokeFunction'],
    [...clients, functionArn(name, 'newcomer', 'setup')],
  ),
  ...may(ONBOARDING, ['sqs:SendMessage'], [alarmQueue]),
  ...mayLog(ONBOARDING, logArn('OnboardingFunction')),
];

const MAKER = 'OnboardingMaker';
const newcomers = (['client', 'peer', 'setup'] as const).map((entry) =>
  functionArn(name, 'newcomer', entry),
);
/** Neither a role without the boundary, nor a key of another stack: conditions refuse those. */
const maker = [
  ...may(
    MAKER,
    actionsOf(
      'dynamodb',
      'CreateTable DeleteTable DescribeContinuousBackups DescribeContributorInsights DescribeKinesisStreamingDestination DescribeTable DescribeTimeToLive GetResourcePolicy ListTagsOfResource TagResource UpdateContinuousBackups UpdateTable',
    ),
    [laterTable],
  ),
  ...may(
    MAKER,
    actionsOf(
      's3',
      'CreateBucket DeleteBucket DeleteBucketPolicy GetBucketPolicy GetBucketPublicAccessBlock GetBucketTagging GetEncryptionConfiguration PutBucketPolicy PutBucketPublicAccessBlock PutBucketTagging PutEncryptionConfiguration',
    ),
    [laterBucket],
  ),
  // A new key is none of these; the action has no resource.
  ...may(MAKER, ['kms:CreateKey'], [vaultKey, ...MEMBERS.map((member) => of(member).signingKey)]),
  ...may(
    MAKER,
    actionsOf(
      'lambda',
      'AddPermission CreateFunction DeleteFunction DeleteFunctionConcurrency DeleteFunctionEventInvokeConfig GetFunction GetFunctionConfiguration GetFunctionEventInvokeConfig InvokeFunction PutFunctionConcurrency PutFunctionEventInvokeConfig PutFunctionRecursionConfig RemovePermission TagResource UpdateFunctionCode UpdateFunctionConfiguration UpdateFunctionEventInvokeConfig',
    ),
    // Those of founders are refused.
    newcomers,
  ),
  ...may(
    MAKER,
    actionsOf('iam', 'DeleteRole DeleteRolePolicy DetachRolePolicy GetRole GetRolePolicy TagRole'),
    [laterRole],
  ),
  ...may(MAKER, actionsOf('events', 'DeleteRule DescribeRule PutRule PutTargets RemoveTargets'), [
    laterRule,
  ]),
  ...may(
    MAKER,
    actionsOf(
      'logs',
      'CreateLogGroup DeleteLogGroup DeleteMetricFilter DescribeLogGroups DescribeMetricFilters PutMetricFilter PutRetentionPolicy TagResource',
    ),
    [laterLog],
  ),
];

const RELAY = 'RelayFunctionRole';
const relay = [
  ...may(
    RELAY,
    actionsOf('dynamodb', 'BatchGetItem BatchWriteItem GetItem PutItem'),
    [mailbox],
    ITEMS,
  ),
  ...may(RELAY, ['dynamodb:GetItem'], [directory], ITEMS),
  ...may(RELAY, ['lambda:InvokeFunction'], clients),
  ...may(RELAY, ['execute-api:ManageConnections'], [socket]),
  ...mayLog(RELAY, logArn('RelayFunction')),
];

const REVIEWED: Readonly<Record<string, readonly string[]>> = {
  ...Object.fromEntries(MEMBERS.map((id) => [`${logicalName(id)}NodeRole`, node(id)])),
  ...Object.fromEntries(MEMBERS.map((id) => [`${logicalName(id)}SetupRole`, setup(id)])),
  GatewayRole: gateway,
  GenesisRole: genesis,
  AlarmRole: alarm,
  [ONBOARDING]: onboarding,
  [MAKER]: maker,
  [RELAY]: relay,
};

describe('the policies', () => {
  const all = allowed();

  it('are of these roles and no others, which only functions and CloudFormation take', () => {
    assert.deepEqual([...roles.keys()].sort(), Object.keys(REVIEWED).sort());
    for (const [role, { trusted }] of roles) {
      const service = role === MAKER ? 'cloudformation' : 'lambda';
      assert.deepEqual(trusted, [`${service}.amazonaws.com`]);
    }
  });

  for (const [role, lines] of Object.entries(REVIEWED)) {
    it(`allow ${role} what was reviewed, and nothing else`, () => {
      const found = all.filter((one) => one.startsWith(`${role} `));
      const unexpected = found.filter((one) => !lines.includes(one));
      const refused = lines.filter((one) => !found.includes(one));
      assert.deepEqual({ unexpected, refused }, { unexpected: [], refused: [] });
    });
  }

  it('let nobody but the node sign, the account’s administrators included', () => {
    const everything = [
      { effect: 'Allow', actions: ['*'], resources: ['*'], principals: [], condition: {} },
    ] as const;
    const context = { 'kms:SigningAlgorithm': ['ECDSA_SHA_256'] };
    const administrator = 'arn:aws:iam::111122223333:role/Administrator';
    for (const member of MEMBERS) {
      const resource = of(member).signingKey;
      const own = resources.get(resource)!;
      const asks = (action: string, principal: string): boolean =>
        isAllowed(
          { action, resource, context },
          { principal, identity: everything, resource: own },
        );
      assert.equal(asks('kms:Sign', administrator), false);
      assert.equal(asks('kms:Sign', roles.get(`${logicalName(member)}NodeRole`)!.arn), true);
      // Or a key could be neither watched nor given up.
      assert.equal(asks('kms:DescribeKey', administrator), true);
      assert.equal(asks('kms:PutKeyPolicy', administrator), true);
    }
  });

  it('have no statement for all resources or all actions', () => {
    for (const [role, { identity }] of roles) {
      for (const { actions, resources: places, effect } of identity) {
        if (effect === 'Deny') continue;
        // The bundles and templates among the assets of the deployment.
        const own = actions.filter((action) => !/^s3:(GetObject|GetBucket|List)\*$/.test(action));
        assert.ok(!own.some((action) => action.includes('*')), role);
        if (places.includes('*')) assert.deepEqual([role, actions], [MAKER, ['kms:CreateKey']]);
      }
    }
  });
});
