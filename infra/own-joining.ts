/** The function by which a stack in a member's own account joins the consortium, and what it may do. */
import { CustomResource, Stack } from 'aws-cdk-lib';
import type { HttpApi } from 'aws-cdk-lib/aws-apigatewayv2';
import type { ITableV2 } from 'aws-cdk-lib/aws-dynamodb';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Code } from 'aws-cdk-lib/aws-lambda';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { GENESIS_ITEM } from '../functions/directory.ts';
import { functionName } from '../functions/function-name.ts';
import { onboardingItem } from '../functions/onboarding/record.ts';
import type { OwnAccountParameters } from '../shared/api/own-account.ts';
import type { MemberNode } from './member-node.ts';
import { functionArns, functionRole, itemsOnly, productFunction, TIMES } from './node-function.ts';

export interface OwnJoiningProps {
  readonly parameters: OwnAccountParameters;
  readonly directory: Pick<ITableV2, 'tableArn' | 'tableName'>;
  readonly vaultKey: IKey;
  readonly alarmQueue: IQueue;
  readonly node: MemberNode;
  readonly api: HttpApi;
  readonly code: Code;
}

export class OwnJoining extends Construct {
  constructor(scope: Construct, id: string, props: OwnJoiningProps) {
    super(scope, id);
    const { directory, vaultKey, alarmQueue, node, api, code } = props;
    const {
      Consortium: consortium,
      Member: member,
      Gateway,
      Ledger,
      Invitation,
    } = props.parameters;
    const stack = Stack.of(this);
    const role = functionRole(this, 'Role');
    const allow = (actions: string[], resource: string, conditions?: object) =>
      role.addToPolicy(
        new PolicyStatement({ actions, resources: [resource], ...(conditions && { conditions }) }),
      );
    allow(['dynamodb:GetItem'], directory.tableArn);
    const items = itemsOnly([GENESIS_ITEM, onboardingItem(member)]);
    allow(['dynamodb:PutItem'], directory.tableArn, items);
    allow(['kms:Encrypt', 'kms:Decrypt'], vaultKey.keyArn, {
      StringEqualsIfExists: {
        'kms:EncryptionContext:fuqi:consortium': consortium,
        'kms:EncryptionContext:fuqi:onboarding': member,
      },
      // Nothing that is sealed for the member itself.
      'ForAllValues:StringEquals': {
        'kms:EncryptionContextKeys': ['fuqi:consortium', 'fuqi:onboarding'],
      },
    });
    allow(['sqs:SendMessage'], alarmQueue.queueArn);
    allow(['lambda:InvokeFunction'], functionArns(this, consortium, member, 'client'));
    allow(['cloudformation:UpdateTerminationProtection'], stack.stackId);
    const joining = productFunction(this, 'Function', {
      bundle: 'joining',
      code,
      functionName: functionName(consortium, member, 'joining'),
      role,
      environment: {
        FUQI_CONSORTIUM: consortium,
        FUQI_MEMBER: member,
        FUQI_LEDGER: Ledger,
        FUQI_GATEWAY: Gateway,
        FUQI_DIRECTORY: directory.tableName,
        FUQI_VAULT_KEY: vaultKey.keyArn,
        FUQI_ALARM_QUEUE: alarmQueue.queueUrl,
        FUQI_API: stack.toJsonString({ id: api.apiId, url: api.apiEndpoint }),
        FUQI_STACK: stack.stackId,
      },
      timeout: TIMES.setup,
      memoryMiB: 512,
    });
    const joined = new CustomResource(this, 'Joined', {
      serviceToken: joining.functionArn,
      serviceTimeout: TIMES.customResource,
      properties: { Invitation },
    });
    joined.node.addDependency(role, node.isSetUp, node.client, node.peer, api);
  }
}
