/**
 * One hosted member's node: its table, its bucket for attachments, its signing key, and three functions. `peer` answers votes and has
 * room of its own; `client` serves clients and drives; `setup` makes the keys once. Their roles reach
 * this member's resources and the other nodes' doors, nothing else.
 */
import { CustomResource, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { AttributeType, Billing, type ITableV2, TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import { AnyPrincipal, Effect, PolicyStatement, type Role } from 'aws-cdk-lib/aws-iam';
import { type IKey, Key, KeySpec, KeyUsage } from 'aws-cdk-lib/aws-kms';
import type { Code, Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { BlockPublicAccess, Bucket, BucketEncryption } from 'aws-cdk-lib/aws-s3';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { memberItem } from '../functions/directory.ts';
import { VAULT_PARTITION } from '../functions/dynamodb/vault-store.ts';
import { type Entry, functionName } from '../functions/function-name.ts';
import { SETUP_ITEMS } from '../functions/node/node-record.ts';
import type { TenantLimits } from '../shared/api/tenant-limits.ts';
import type { TokenIssuer } from '../shared/api/token-issuer.ts';
import type { FunctionBundle } from './build.ts';
import { functionArns, functionRole, itemsOnly, productFunction, TIMES } from './node-function.ts';
import { countInLog } from './observability.ts';
import type { Production } from './platform-stack.ts';

export interface MemberNodeProps extends Production {
  readonly consortium: string;
  readonly member: {
    readonly id: string;
    /** What its setup is told of it, as JSON. */
    readonly description: string;
    /** The how many-th signing key is the newest; the one before it is there beside it. The first unless told. */
    readonly signingKey?: number;
    /** The product's own unless told. */
    readonly limits?: TenantLimits;
    /** Issuers whose tokens it accepts, until its administrators set others. */
    readonly issuers?: readonly TokenIssuer[];
  };
  readonly directory: Pick<ITableV2, 'tableArn' | 'tableName'>;
  readonly vaultKey: IKey;
  readonly alarmQueue: IQueue;
  /** The consortium's gateway, for a node that has an account of its own: hosted members are behind it. */
  readonly gateway?: string;
  /** Whether its bucket takes no request without TLS; where it outlives its stack, unless told. */
  readonly enforceSSL?: boolean;
  /** Where the bundles are, if not among the assets of this app. */
  readonly code?: (bundle: FunctionBundle) => Code;
}

/** Concurrent votes and answers to peers that always have room. */
export const PEER_CONCURRENCY = 10;

export class MemberNode extends Construct {
  readonly table: TableV2;
  /** Sealed parts of attachments. */
  readonly attachments: Bucket;
  /** The key that signs its votes; while it is rotated, that one and its successor. */
  readonly signingKeys: readonly [Key, ...Key[]];
  readonly client: LambdaFunction;
  readonly peer: LambdaFunction;
  /** Done when the member's keys exist and the directory knows their public halves. */
  readonly isSetUp: CustomResource;
  readonly #props: MemberNodeProps;

  constructor(scope: Construct, id: string, props: MemberNodeProps) {
    super(scope, id);
    this.#props = props;
    const removalPolicy = props.keeps ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY;
    this.table = new TableV2(this, 'Table', {
      partitionKey: { name: 'p', type: AttributeType.STRING },
      sortKey: { name: 's', type: AttributeType.STRING },
      billing: Billing.onDemand(),
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      deletionProtection: props.keeps,
      removalPolicy,
    });
    // No versions, and no backups: what is erased is gone.
    this.attachments = new Bucket(this, 'Attachments', {
      encryption: BucketEncryption.S3_MANAGED,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      enforceSSL: props.enforceSSL ?? props.keeps,
      removalPolicy,
    });
    const { signingKey: newest = 1 } = props.member;
    this.signingKeys = newest === 1 ? [this.#key(1)] : [this.#key(newest - 1), this.#key(newest)];
    this.isSetUp = this.#setup();
    const role = this.#nodeRole();
    for (const key of this.signingKeys) key.addToResourcePolicy(nobodyButSigns(this, role));
    this.peer = this.#node('peer', role);
    this.client = this.#node('client', role);
    // An alarm that the node failed to answer in all attempts rings again; its role may send to the queue.
    const onFailure = { bind: () => ({ destination: props.alarmQueue.queueArn }) };
    this.client.configureAsyncInvoke({ onFailure });
  }

  /** The member's first key, its successor and so on: one that is replaced stays as it is, in or out of the stack. */
  #key(number: number): Key {
    const { consortium, member, keeps } = this.#props;
    const which = number === 1 ? '' : `, key ${number}`;
    return new Key(this, number === 1 ? 'SigningKey' : `SigningKey${number}`, {
      description: `Fuqi: consensus votes of ${member.id} in ${consortium}${which}`,
      keySpec: KeySpec.ECC_NIST_P256,
      keyUsage: KeyUsage.SIGN_VERIFY,
      removalPolicy: keeps ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
      pendingWindow: Duration.days(keeps ? 30 : 7),
    });
  }

  #node(entry: 'peer' | 'client', role: Role): LambdaFunction {
    const { alarmQueue, keeps, member, gateway } = this.#props;
    const node = productFunction(this, entry === 'peer' ? 'Peer' : 'Client', {
      ...this.#bundle('node'),
      functionName: this.#name(entry),
      role,
      environment: {
        ...this.#environment(),
        FUQI_ENTRY: entry,
        FUQI_ATTACHMENTS: this.attachments.bucketName,
        FUQI_ALARM_QUEUE: alarmQueue.queueUrl,
        FUQI_HOSTING: gateway === undefined ? 'hosted' : 'own-account',
        ...(gateway !== undefined && { FUQI_GATEWAY: gateway }),
        ...(member.limits && { FUQI_LIMITS: JSON.stringify(member.limits) }),
        ...(member.issuers && { FUQI_ISSUERS: JSON.stringify(member.issuers) }),
      },
      timeout: TIMES[entry],
      recursive: true,
      ...(entry === 'peer' && keeps && { reservedConcurrentExecutions: PEER_CONCURRENCY }),
    });
    countInLog(node, this.#props.consortium);
    return node;
  }

  #setup(): CustomResource {
    const { member, vaultKey, directory } = this.#props;
    const role = functionRole(this, 'SetupRole');
    const allow = (statement: { actions: string[]; resources: string[]; conditions?: object }) =>
      role.addToPolicy(new PolicyStatement(statement as never));
    allow({ actions: ['dynamodb:DescribeTable'], resources: [this.table.tableArn] });
    allow({
      actions: ['dynamodb:GetItem', 'dynamodb:PutItem'],
      resources: [this.table.tableArn],
      conditions: itemsOnly(SETUP_ITEMS),
    });
    allow({
      actions: ['dynamodb:PutItem'],
      resources: [directory.tableArn],
      conditions: itemsOnly([memberItem(member.id)]),
    });
    allow({ actions: ['kms:GetPublicKey'], resources: this.#keyArns() });
    allow({
      actions: ['kms:Encrypt', 'kms:Decrypt'],
      resources: [vaultKey.keyArn],
      conditions: this.#ownContext(),
    });
    const setup = productFunction(this, 'Setup', {
      ...this.#bundle('setup'),
      functionName: this.#name('setup'),
      role,
      environment: { ...this.#environment(), FUQI_VAULT_KEY: vaultKey.keyArn },
      timeout: TIMES.setup,
      memoryMiB: 512,
    });
    const resource = new CustomResource(this, 'SetUp', {
      serviceToken: setup.functionArn,
      serviceTimeout: TIMES.customResource,
      properties: {
        Member: member.description,
        // Another table in its place has to be set up as well.
        Table: this.table.tableName,
      },
    });
    resource.node.addDependency(role);
    return resource;
  }

  #nodeRole(): Role {
    const { consortium, member, vaultKey, directory, alarmQueue, gateway } = this.#props;
    const role = functionRole(this, 'NodeRole');
    const allow = (statement: { actions: string[]; resources: string[]; conditions?: object }) =>
      role.addToPolicy(new PolicyStatement(statement as never));
    allow({
      actions: [
        'dynamodb:BatchGetItem',
        'dynamodb:BatchWriteItem',
        'dynamodb:DescribeTable',
        'dynamodb:GetItem',
        'dynamodb:PutItem',
        'dynamodb:Query',
        'dynamodb:UpdateItem',
      ],
      resources: [this.table.tableArn],
    });
    allow({
      actions: ['dynamodb:DeleteItem'],
      resources: [this.table.tableArn],
      conditions: itemsOnly([VAULT_PARTITION]),
    });
    allow({
      actions: ['s3:DeleteObject', 's3:GetObject', 's3:PutObject'],
      resources: [this.attachments.arnForObjects('*')],
    });
    // Without it S3 says of an object that there is not that it is forbidden.
    allow({ actions: ['s3:ListBucket'], resources: [this.attachments.bucketArn] });
    allow({ actions: ['dynamodb:GetItem'], resources: [directory.tableArn] });
    allow({
      actions: ['kms:DescribeKey', 'kms:GetPublicKey'],
      resources: this.#keyArns(),
    });
    allow({
      actions: ['kms:Sign'],
      resources: this.#keyArns(),
      // KMS always says which; the emulator does not.
      conditions: { StringEqualsIfExists: { 'kms:SigningAlgorithm': 'ECDSA_SHA_256' } },
    });
    allow({
      actions: ['kms:Decrypt'],
      resources: [vaultKey.keyArn],
      conditions: this.#ownContext(),
    });
    allow({ actions: ['sqs:SendMessage'], resources: [alarmQueue.queueArn] });
    allow({
      actions: ['lambda:InvokeFunction'],
      // In an account of its own the others are reached over HTTPS; what is left goes on in another invocation.
      resources:
        gateway === undefined
          ? (['peer', 'client'] as const).map((entry) => functionArns(this, consortium, '*', entry))
          : [functionArns(this, consortium, member.id, 'client')],
    });
    return role;
  }

  /**
   * What is sealed for one member opens for that one only: a call with another context is refused here,
   * one without any by KMS, because what was sealed has one. (The emulator says nothing of contexts.)
   */
  #ownContext() {
    const { consortium, member } = this.#props;
    return {
      StringEqualsIfExists: {
        'kms:EncryptionContext:fuqi:consortium': consortium,
        'kms:EncryptionContext:fuqi:member': member.id,
      },
      // Nor does what is sealed for an onboarding, which names no member.
      'ForAllValues:StringEquals': {
        'kms:EncryptionContextKeys': ['fuqi:consortium', 'fuqi:member'],
      },
    };
  }

  #environment(): Record<string, string> {
    const { consortium, member, directory } = this.#props;
    return {
      FUQI_CONSORTIUM: consortium,
      FUQI_MEMBER: member.id,
      FUQI_TABLE: this.table.tableName,
      FUQI_DIRECTORY: directory.tableName,
      FUQI_SIGNING_KEYS: Stack.of(this).toJsonString(this.#keyArns()),
    };
  }

  #keyArns(): string[] {
    return this.signingKeys.map(({ keyArn }) => keyArn);
  }

  #bundle(bundle: FunctionBundle) {
    const { code } = this.#props;
    return { bundle, ...(code && { code: code(bundle) }) };
  }

  #name(entry: Entry): string {
    return functionName(this.#props.consortium, this.#props.member.id, entry);
  }
}

/** Of a signing key's policy: nobody but this role signs, whatever an account's administrators may do else. */
function nobodyButSigns(scope: Construct, { roleArn, roleName }: Role): PolicyStatement {
  const session = { service: 'sts', region: '', resource: `assumed-role/${roleName}/*` };
  return new PolicyStatement({
    effect: Effect.DENY,
    principals: [new AnyPrincipal()],
    actions: ['kms:Sign'],
    resources: ['*'],
    conditions: {
      // AWS names the role, the emulator its session.
      ArnNotLike: { 'aws:PrincipalArn': [roleArn, Stack.of(scope).formatArn(session)] },
    },
  });
}
