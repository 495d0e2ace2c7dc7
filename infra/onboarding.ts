/**
 * Onboarding at run time: a function that lets CloudFormation make the nodes of members that join, from
 * the template of a member's node. CloudFormation acts by a role of its own, which makes roles only
 * within a boundary: what a member's node may do at the most.
 */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { Stack } from 'aws-cdk-lib';
import type { HttpApi } from 'aws-cdk-lib/aws-apigatewayv2';
import type { TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import {
  Effect,
  ManagedPolicy,
  PolicyStatement,
  Role,
  ServicePrincipal,
} from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Asset } from 'aws-cdk-lib/aws-s3-assets';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { memberItem } from '../functions/directory.ts';
import { type Entry, onboardingFunction } from '../functions/function-name.ts';
import { onboardingItem } from '../functions/onboarding/record.ts';
import type { OnboardingSettings } from '../functions/onboarding/services.ts';
import type { TenantLimits } from '../shared/api/tenant-limits.ts';
import { sha256Hex } from '../shared/bytes/crypto.ts';
import { utf8 } from '../shared/bytes/text.ts';
import { BUNDLES } from './build.ts';
import { memberTemplate } from './member-template.ts';
import { functionArns, functionRole, productFunction, TIMES } from './node-function.ts';
import { ownAccountTemplate } from './own-account.ts';
import type { Production } from './platform-stack.ts';
import { type OwnBundle, ownFiles } from './release.ts';

export interface OnboardingProps extends Production {
  readonly consortium: string;
  /** The members that the consortium's own stack made: theirs is nothing to be touched here. */
  readonly founders: readonly string[];
  /** What each later member may use of its node. */
  readonly limits: TenantLimits;
  readonly directory: TableV2;
  readonly vaultKey: IKey;
  readonly alarmQueue: IQueue;
  /** Tells of a lost key. */
  readonly notices: ITopic;
  /** The gateway's API: the node of the member that invited is behind it, wherever it is. */
  readonly api: HttpApi;
}

type Statement = { actions: string[]; resources: string[]; conditions?: object };

export class Onboarding extends Construct {
  readonly #props: OnboardingProps;

  constructor(scope: Construct, id: string, props: OnboardingProps) {
    super(scope, id);
    this.#props = props;
    const { consortium, founders, limits, directory, vaultKey, alarmQueue, notices, api, keeps } =
      props;
    const files = ownFiles();
    const code = Object.fromEntries(
      files.map((file) => [
        file.bundle,
        new Asset(this, `${file.bundle}Code`, { path: file.path }),
      ]),
    ) as Record<OwnBundle, Asset>;
    const { node: nodeCode, setup: setupCode } = code;
    const own = this.#file('own-account', ownAccountTemplate({ keeps, limits, files }));
    const candidate = this.#file('candidate', memberTemplate(false, limits)).asset;
    const member = this.#file('member', memberTemplate(keeps, limits)).asset;
    const boundary = this.#boundary();
    const maker = this.#maker(boundary, [nodeCode, setupCode]);
    const settings: OnboardingSettings = {
      templates: { candidate: candidate.httpUrl, member: member.httpUrl },
      roleArn: maker.roleArn,
      noticesArn: notices.topicArn,
      boundaryArn: boundary.managedPolicyArn,
      code: {
        bucket: nodeCode.s3BucketName,
        node: nodeCode.s3ObjectKey,
        setup: setupCode.s3ObjectKey,
      },
      own: {
        template: { key: own.asset.s3ObjectKey, sha256: own.sha256 },
        files: Object.fromEntries(
          files.map(({ bundle, name }) => [name, code[bundle].s3ObjectKey]),
        ),
      },
      directoryArn: directory.tableArn,
      vaultKeyArn: vaultKey.keyArn,
      alarmQueue: { arn: alarmQueue.queueArn, url: alarmQueue.queueUrl },
    };
    const role = functionRole(this, 'Role');
    for (const statement of this.#statements(maker)) {
      role.addToPolicy(new PolicyStatement(statement as never));
    }
    role.addToPolicy(this.#nothingOfFounders(['setup']));
    for (const asset of [candidate, member, own.asset, ...Object.values(code)]) {
      asset.grantRead(role);
    }
    productFunction(this, 'Function', {
      bundle: 'onboarding',
      functionName: onboardingFunction(consortium),
      role,
      environment: {
        FUQI_CONSORTIUM: consortium,
        FUQI_DIRECTORY: directory.tableName,
        FUQI_FOUNDERS: JSON.stringify(founders),
        FUQI_API: Stack.of(this).toJsonString({ id: api.apiId, url: api.apiEndpoint }),
        FUQI_ONBOARDING: Stack.of(this).toJsonString(settings),
      },
      timeout: TIMES.gateway,
      memoryMiB: 512,
    });
  }

  /** A template among the assets of the deployment. */
  #file(name: string, template: object): { readonly asset: Asset; readonly sha256: string } {
    const text = JSON.stringify(template);
    const file = path.join(BUNDLES, `${name}.template.json`);
    writeFileSync(file, text);
    const sha256 = sha256Hex(utf8(text));
    return { asset: new Asset(this, `${name}Template`, { path: file }), sha256 };
  }

  /** What the function itself may do. */
  #statements(maker: Role): Statement[] {
    const { consortium, directory, vaultKey, alarmQueue } = this.#props;
    return [
      {
        actions: [
          'cloudformation:CreateStack',
          'cloudformation:DeleteStack',
          'cloudformation:DescribeStacks',
          'cloudformation:UpdateStack',
        ],
        resources: [this.#arn('cloudformation', `stack/${this.#stacks()}/*`)],
      },
      { actions: ['iam:PassRole'], resources: [maker.roleArn] },
      { actions: ['dynamodb:GetItem'], resources: [directory.tableArn] },
      {
        actions: ['dynamodb:PutItem'],
        resources: [directory.tableArn],
        conditions: {
          'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': [onboardingItem('*')] },
        },
      },
      {
        actions: ['kms:Encrypt', 'kms:Decrypt'],
        resources: [vaultKey.keyArn],
        conditions: {
          StringEqualsIfExists: { 'kms:EncryptionContext:fuqi:consortium': consortium },
          // Nothing that is sealed for a member.
          'ForAllValues:StringEquals': {
            'kms:EncryptionContextKeys': ['fuqi:consortium', 'fuqi:onboarding'],
          },
        },
      },
      {
        actions: ['lambda:InvokeFunction'],
        resources: (['client', 'setup'] as const).map((entry) =>
          functionArns(this, consortium, '*', entry),
        ),
      },
      { actions: ['sqs:SendMessage'], resources: [alarmQueue.queueArn] },
    ];
  }

  /** The most that a role of a later member's node may do. */
  #boundary(): ManagedPolicy {
    const { consortium, directory, vaultKey, alarmQueue } = this.#props;
    const statements: Statement[] = [
      { actions: ['dynamodb:*'], resources: [this.#arn('dynamodb', `table/${this.#stacks()}`)] },
      {
        actions: ['s3:DeleteObject', 's3:GetObject', 's3:ListBucket', 's3:PutObject'],
        resources: [this.#buckets()],
      },
      { actions: ['dynamodb:GetItem'], resources: [directory.tableArn] },
      {
        actions: ['dynamodb:PutItem'],
        resources: [directory.tableArn],
        conditions: { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': [memberItem('*')] } },
      },
      {
        actions: ['kms:DescribeKey', 'kms:GetPublicKey', 'kms:Sign'],
        resources: [this.#arn('kms', 'key/*')],
      },
      {
        actions: ['kms:Encrypt', 'kms:Decrypt'],
        resources: [vaultKey.keyArn],
        conditions: {
          StringEqualsIfExists: { 'kms:EncryptionContext:fuqi:consortium': consortium },
          // What is sealed for a member; its role says which.
          'ForAllValues:StringEquals': {
            'kms:EncryptionContextKeys': ['fuqi:consortium', 'fuqi:member'],
          },
        },
      },
      { actions: ['sqs:SendMessage'], resources: [alarmQueue.queueArn] },
      {
        actions: ['lambda:InvokeFunction'],
        resources: (['client', 'peer'] as const).map((entry) =>
          functionArns(this, consortium, '*', entry),
        ),
      },
      {
        actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
        resources: [this.#arn('logs', `log-group:${this.#stacks()}`)],
      },
    ];
    return new ManagedPolicy(this, 'Boundary', {
      description: `The most that the node of a member that joins ${consortium} may do`,
      statements: statements.map((statement) => new PolicyStatement(statement as never)),
    });
  }

  /** What CloudFormation may do to make, change and take away a member's node. */
  #maker(boundary: ManagedPolicy, bundles: readonly Asset[]): Role {
    const { consortium } = this.#props;
    const role = new Role(this, 'Maker', {
      assumedBy: new ServicePrincipal('cloudformation.amazonaws.com'),
    });
    const roles = [this.#arn('iam', `role/${this.#stacks()}`)];
    const statements: Statement[] = [
      {
        actions: [
          'dynamodb:CreateTable',
          'dynamodb:DeleteTable',
          'dynamodb:DescribeContinuousBackups',
          'dynamodb:DescribeContributorInsights',
          'dynamodb:DescribeKinesisStreamingDestination',
          'dynamodb:DescribeTable',
          'dynamodb:DescribeTimeToLive',
          'dynamodb:GetResourcePolicy',
          'dynamodb:ListTagsOfResource',
          'dynamodb:TagResource',
          'dynamodb:UpdateContinuousBackups',
          'dynamodb:UpdateTable',
        ],
        resources: [this.#arn('dynamodb', `table/${this.#stacks()}`)],
      },
      {
        actions: [
          's3:CreateBucket',
          's3:DeleteBucket',
          's3:DeleteBucketPolicy',
          's3:GetBucketPolicy',
          's3:GetBucketPublicAccessBlock',
          's3:GetBucketTagging',
          's3:GetEncryptionConfiguration',
          's3:PutBucketPolicy',
          's3:PutBucketPublicAccessBlock',
          's3:PutBucketTagging',
          's3:PutEncryptionConfiguration',
        ],
        resources: [this.#buckets()],
      },
      { actions: ['kms:CreateKey'], resources: ['*'] },
      {
        actions: [
          'kms:DescribeKey',
          'kms:GetKeyPolicy',
          'kms:GetKeyRotationStatus',
          'kms:ListResourceTags',
          'kms:PutKeyPolicy',
          'kms:ScheduleKeyDeletion',
          'kms:TagResource',
          'kms:UpdateKeyDescription',
        ],
        resources: [this.#arn('kms', 'key/*')],
        // Keys of its own stacks, and no others.
        conditions: {
          StringLike: { 'aws:ResourceTag/aws:cloudformation:stack-name': this.#stacks() },
        },
      },
      {
        actions: [
          'lambda:AddPermission',
          'lambda:CreateFunction',
          'lambda:DeleteFunction',
          'lambda:DeleteFunctionConcurrency',
          'lambda:DeleteFunctionEventInvokeConfig',
          'lambda:GetFunction',
          'lambda:GetFunctionConfiguration',
          'lambda:GetFunctionEventInvokeConfig',
          'lambda:InvokeFunction',
          'lambda:PutFunctionConcurrency',
          'lambda:PutFunctionEventInvokeConfig',
          'lambda:PutFunctionRecursionConfig',
          'lambda:RemovePermission',
          'lambda:TagResource',
          'lambda:UpdateFunctionCode',
          'lambda:UpdateFunctionConfiguration',
          'lambda:UpdateFunctionEventInvokeConfig',
        ],
        resources: (['client', 'peer', 'setup'] as const).map((entry) =>
          functionArns(this, consortium, '*', entry),
        ),
      },
      {
        actions: ['iam:CreateRole', 'iam:PutRolePolicy', 'iam:AttachRolePolicy'],
        resources: roles,
        conditions: { StringEquals: { 'iam:PermissionsBoundary': boundary.managedPolicyArn } },
      },
      {
        actions: [
          'iam:DeleteRole',
          'iam:DeleteRolePolicy',
          'iam:DetachRolePolicy',
          'iam:GetRole',
          'iam:GetRolePolicy',
          'iam:TagRole',
        ],
        resources: roles,
      },
      {
        actions: ['iam:PassRole'],
        resources: roles,
        conditions: { StringEquals: { 'iam:PassedToService': 'lambda.amazonaws.com' } },
      },
      {
        actions: [
          'events:DeleteRule',
          'events:DescribeRule',
          'events:PutRule',
          'events:PutTargets',
          'events:RemoveTargets',
        ],
        resources: [this.#arn('events', `rule/${this.#stacks()}`)],
      },
      {
        actions: [
          'logs:CreateLogGroup',
          'logs:DeleteLogGroup',
          'logs:DeleteMetricFilter',
          'logs:DescribeLogGroups',
          'logs:DescribeMetricFilters',
          'logs:PutMetricFilter',
          'logs:PutRetentionPolicy',
          'logs:TagResource',
        ],
        resources: [this.#arn('logs', `log-group:${this.#stacks()}`)],
      },
    ];
    for (const statement of statements) role.addToPolicy(new PolicyStatement(statement as never));
    for (const bundle of bundles) bundle.grantRead(role);
    role.addToPolicy(this.#nothingOfFounders(['client', 'peer', 'setup']));
    return role;
  }

  /** What is made here has the founders' form of name, so theirs have to be refused one by one. */
  #nothingOfFounders(entries: readonly Entry[]): PolicyStatement {
    const { consortium, founders } = this.#props;
    return new PolicyStatement({
      effect: Effect.DENY,
      actions: ['lambda:*'],
      resources: founders.flatMap((member) =>
        entries.map((entry) => functionArns(this, consortium, member, entry)),
      ),
    });
  }

  /** The names of its stacks, and the beginning of the names of what is in them. */
  #stacks(): string {
    return `fuqi-${this.#props.consortium}-member-*`;
  }

  /** The buckets of its stacks: CloudFormation names them after those. Their names are all accounts' and regions'. */
  #buckets(): string {
    const { partition } = Stack.of(this);
    return `arn:${partition}:s3:::${this.#stacks()}`;
  }

  #arn(service: string, resource: string): string {
    // IAM is the same in all regions.
    const everywhere = service === 'iam' && { region: '' };
    return Stack.of(this).formatArn({ service, resource, ...everywhere });
  }
}
