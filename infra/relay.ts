/** The relay of a consortium: a WebSocket API, the function behind it, and a table that forgets by itself. */
import { RemovalPolicy, Stack } from 'aws-cdk-lib';
import { WebSocketApi, WebSocketStage } from 'aws-cdk-lib/aws-apigatewayv2';
import { WebSocketLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import { AttributeType, Billing, TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import { relayFunction } from '../functions/function-name.ts';
import { functionArns, productFunction, TIMES } from './node-function.ts';

export interface RelayProps {
  readonly consortium: string;
  readonly directory: TableV2;
}

const STAGE = 'live';

export class Relay extends Construct {
  readonly function: LambdaFunction;
  readonly api: WebSocketApi;
  /** Where nodes connect. */
  readonly url: string;

  constructor(scope: Construct, id: string, { consortium, directory }: RelayProps) {
    super(scope, id);
    const mailbox = new TableV2(this, 'Mailbox', {
      partitionKey: { name: 'p', type: AttributeType.STRING },
      sortKey: { name: 's', type: AttributeType.STRING },
      billing: Billing.onDemand(),
      timeToLiveAttribute: 't',
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.api = new WebSocketApi(this, 'Sockets');
    const socket = {
      apiId: this.api.apiId,
      stage: STAGE,
      url: `https://${this.api.apiId}.execute-api.${Stack.of(this).region}.${Stack.of(this).urlSuffix}/${STAGE}`,
    };
    this.function = productFunction(this, 'Function', {
      bundle: 'relay',
      functionName: relayFunction(consortium),
      environment: {
        FUQI_CONSORTIUM: consortium,
        FUQI_DIRECTORY: directory.tableName,
        FUQI_MAILBOX: mailbox.tableName,
        FUQI_SOCKET: Stack.of(this).toJsonString(socket),
      },
      timeout: TIMES.peer,
      memoryMiB: 512,
    });
    mailbox.grant(
      this.function,
      'dynamodb:BatchGetItem',
      'dynamodb:BatchWriteItem',
      'dynamodb:GetItem',
      'dynamodb:PutItem',
    );
    directory.grant(this.function, 'dynamodb:GetItem');
    this.function.addToRolePolicy(
      new PolicyStatement({
        actions: ['lambda:InvokeFunction'],
        resources: [functionArns(this, consortium, '*', 'client')],
      }),
    );
    for (const route of ['$connect', '$disconnect', '$default']) {
      this.api.addRoute(route, {
        integration: new WebSocketLambdaIntegration(`To${route.slice(1)}`, this.function),
      });
    }
    const stage = new WebSocketStage(this, 'Stage', {
      webSocketApi: this.api,
      stageName: STAGE,
      autoDeploy: true,
    });
    stage.grantManagementApiAccess(this.function);
    this.url = stage.url;
  }
}
