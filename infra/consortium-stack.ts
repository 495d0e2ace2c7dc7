/** One consortium: its directory, its hosted members' nodes, its genesis document and its gateway. */
import { CfnOutput, CustomResource, RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import { HttpApi } from 'aws-cdk-lib/aws-apigatewayv2';
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import { AttributeType, Billing, TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import { GENESIS_ITEM } from '../functions/directory.ts';
import { onboardingFunction, relayFunction } from '../functions/function-name.ts';
import { logAccess } from './access-log.ts';
import { type ConsortiumFile, tokenRoutes } from './consortium-file.ts';
import { MemberNode } from './member-node.ts';
import { functionArns, itemsOnly, productFunction, TIMES } from './node-function.ts';
import { countInLog, Observability } from './observability.ts';
import { Onboarding } from './onboarding.ts';
import type { Production } from './platform-stack.ts';
import { Relay } from './relay.ts';

export interface ConsortiumStackProps extends StackProps, Production {
  readonly consortium: ConsortiumFile;
  readonly vaultKey: IKey;
  readonly alarmQueue: IQueue;
}

/** What a first member's setup is told of it. */
const descriptionOf = ({ id, name, identities }: ConsortiumFile['members'][number]): string =>
  JSON.stringify({ id, name, identities });

export class ConsortiumStack extends Stack {
  readonly members: readonly MemberNode[];

  constructor(scope: Construct, id: string, props: ConsortiumStackProps) {
    super(scope, id, { terminationProtection: props.keeps, ...props });
    const { consortium, keeps, vaultKey, alarmQueue } = props;
    const directory = new TableV2(this, 'Directory', {
      partitionKey: { name: 'p', type: AttributeType.STRING },
      billing: Billing.onDemand(),
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      deletionProtection: keeps,
      removalPolicy: keeps ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    });
    this.members = consortium.members.map(
      (member) =>
        new MemberNode(this, `Member-${member.id}`, {
          consortium: consortium.name,
          member: {
            id: member.id,
            description: descriptionOf(member),
            signingKey: member.signingKey,
            limits: member.limits,
            issuers: member.issuers,
          },
          directory,
          vaultKey,
          alarmQueue,
          keeps,
        }),
    );
    this.#genesis(consortium, directory);
    const relay = new Relay(this, 'Relay', { consortium: consortium.name, directory });
    const gateway = productFunction(this, 'Gateway', {
      bundle: 'gateway',
      environment: {
        FUQI_CONSORTIUM: consortium.name,
        FUQI_RELAY: relay.url,
        FUQI_MEMBERS: JSON.stringify(consortium.members.map((member) => member.id)),
        FUQI_TOKEN_ROUTES: JSON.stringify(tokenRoutes(consortium)),
      },
      timeout: TIMES.gateway,
      memoryMiB: 512,
    });
    gateway.addToRolePolicy(
      new PolicyStatement({
        actions: ['lambda:InvokeFunction'],
        // Those of members that join later, too.
        resources: [
          ...(['client', 'peer'] as const).map((entry) =>
            functionArns(this, consortium.name, '*', entry),
          ),
          ...[onboardingFunction, relayFunction].map((name) =>
            this.formatArn({ service: 'lambda', resource: `function:${name(consortium.name)}` }),
          ),
        ],
      }),
    );
    countInLog(gateway, consortium.name);
    const { topic: notices } = new Observability(this, 'Observability', {
      consortium: consortium.name,
      email: consortium.operator?.email,
      alarmQueue,
      keys: [vaultKey, ...this.members.flatMap(({ signingKeys }) => signingKeys)],
    });
    const api = new HttpApi(this, 'Api', {
      defaultIntegration: new HttpLambdaIntegration('GatewayIntegration', gateway),
    });
    logAccess(api);
    new Onboarding(this, 'Onboarding', {
      consortium: consortium.name,
      founders: consortium.members.map(({ id }) => id),
      limits: consortium.limits,
      directory,
      vaultKey,
      alarmQueue,
      notices,
      api,
      keeps,
    });
    new CfnOutput(this, 'ApiUrl', { value: api.apiEndpoint });
    new CfnOutput(this, 'RelayUrl', { value: relay.url });
    new CfnOutput(this, 'RelayApiId', { value: relay.api.apiId });
    new CfnOutput(this, 'ApiId', { value: api.apiId });
  }

  #genesis({ name, visibility, parameters, members }: ConsortiumFile, directory: TableV2): void {
    const genesis = productFunction(this, 'Genesis', {
      bundle: 'genesis',
      environment: { FUQI_DIRECTORY: directory.tableName },
      timeout: TIMES.setup,
      memoryMiB: 512,
    });
    directory.grant(genesis, 'dynamodb:GetItem');
    genesis.addToRolePolicy(
      new PolicyStatement({
        actions: ['dynamodb:PutItem'],
        resources: [directory.tableArn],
        conditions: itemsOnly([GENESIS_ITEM]),
      }),
    );
    const made = new CustomResource(this, 'GenesisDocument', {
      serviceToken: genesis.functionArn,
      serviceTimeout: TIMES.customResource,
      properties: {
        Consortium: JSON.stringify({
          consortium: name,
          visibility,
          parameters,
          members: members.map(({ id }) => id),
        }),
      },
    });
    made.node.addDependency(genesis.role!);
    for (const { isSetUp } of this.members) made.node.addDependency(isSetUp);
  }
}
