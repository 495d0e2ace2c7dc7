/**
 * A member's node in an AWS account of its own: the same node as a hosted one, with what an account has once
 * (vault key, alarm queue), an HTTP API in front of it, and a function that joins the consortium. The template
 * needs nothing of the account but itself.
 */
import {
  App,
  BootstraplessSynthesizer,
  CfnCondition,
  CfnDeletionPolicy,
  CfnOutput,
  CfnParameter,
  type CfnResource,
  Duration,
  Fn,
  type IStackSynthesizer,
  RemovalPolicy,
  Stack,
  Token,
} from 'aws-cdk-lib';
import { HttpApi, HttpMethod } from 'aws-cdk-lib/aws-apigatewayv2';
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import { AttributeType, Billing, TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import { Key } from 'aws-cdk-lib/aws-kms';
import type { CfnFunction } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import { functionName } from '../functions/function-name.ts';
import {
  codePath,
  OWN_ACCOUNT_PARAMETERS,
  type OwnAccountParameters,
} from '../shared/api/own-account.ts';
import type { TenantLimits } from '../shared/api/tenant-limits.ts';
import { logAccess } from './access-log.ts';
import { alarmClock } from './alarm-clock.ts';
import { MemberNode, PEER_CONCURRENCY } from './member-node.ts';
import { functionArns } from './node-function.ts';
import { Observability } from './observability.ts';
import { OwnCode } from './own-code.ts';
import { OwnJoining } from './own-joining.ts';
import type { Production } from './platform-stack.ts';
import type { ReleasedFile } from './release.ts';

export interface OwnAccountProps extends Production {
  readonly limits: TenantLimits;
  readonly files: readonly ReleasedFile[];
}

/**
 * The stack. A candidate's is gone when it is deleted; that of a member is protected from deletion, by the
 * function that joins.
 */
export class OwnAccountStack extends Stack {
  constructor(scope: Construct, id: string, { keeps, limits, files }: OwnAccountProps) {
    super(scope, id, {
      description: 'Fuqi: one member’s node',
      synthesizer: new BootstraplessSynthesizer() as IStackSynthesizer,
    });
    const { Email, VoteConcurrency, ...parameters } = this.#parameters(keeps);
    const { Consortium: consortium, Member: member, Description, Gateway } = parameters;
    const code = new OwnCode(this, 'Own', {
      files,
      source: `${Gateway}${codePath(consortium)}`,
      enforceSSL: keeps,
    });
    const vaultKey = new Key(this, 'VaultKey', {
      description: `Fuqi: seals the software keys of ${member} in ${consortium}`,
      enableKeyRotation: true,
      removalPolicy: RemovalPolicy.DESTROY,
      pendingWindow: Duration.days(7),
    });
    const { queue: alarmQueue } = alarmClock(this, {
      enforceSSL: keeps,
      wakes: (['client', 'joining'] as const).map((entry) =>
        functionArns(this, consortium, member, entry),
      ),
      code: code.of('alarm'),
    });
    const directory = new TableV2(this, 'Directory', {
      partitionKey: { name: 'p', type: AttributeType.STRING },
      billing: Billing.onDemand(),
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const node = new MemberNode(this, 'Node', {
      consortium,
      member: { id: member, description: Description, limits },
      directory,
      vaultKey,
      alarmQueue,
      keeps: false,
      enforceSSL: keeps,
      gateway: Gateway,
      code: (bundle) => code.of(bundle),
    });
    this.#reserve(node, VoteConcurrency);
    const api = this.#api(node);
    new OwnJoining(this, 'Joining', {
      ...{ parameters, directory, vaultKey, alarmQueue, node, api },
      code: code.of('joining'),
    });
    new Observability(this, 'Observability', {
      ...{ consortium, alarmQueue, email: Email, hasDashboard: false },
      keys: [vaultKey, ...node.signingKeys],
    });
    // An update that would put another in its place leaves the old one.
    for (const kept of [node.table, node.attachments, ...node.signingKeys, vaultKey]) {
      (kept.node.defaultChild as CfnResource).cfnOptions.updateReplacePolicy =
        CfnDeletionPolicy.RETAIN;
    }
    code.comesBefore(this.node.findAll() as Construct[]);
    new CfnOutput(this, 'ApiUrl', { value: api.apiEndpoint });
    new CfnOutput(this, 'TakeFirstKeys', {
      description: 'Hands the first API keys out, once',
      value: `aws lambda invoke --region ${this.region} --function-name ${functionName(consortium, member, 'setup')} --cli-binary-format raw-in-base64-out --payload '{"kind":"take-first-keys"}' first-api-keys.json`,
    });
  }

  #parameters(keeps: boolean) {
    const given = (name: keyof typeof OWN_ACCOUNT_PARAMETERS, more: object = {}): string => {
      const description = OWN_ACCOUNT_PARAMETERS[name];
      return new CfnParameter(this, name, { type: 'String', description, ...more }).valueAsString;
    };
    const required: OwnAccountParameters = {
      Consortium: given('Consortium'),
      Member: given('Member'),
      Description: given('Description'),
      Gateway: given('Gateway'),
      Ledger: given('Ledger'),
      Invitation: given('Invitation', { noEcho: true }),
    };
    return {
      ...required,
      Email: given('Email', { default: '' }),
      // The emulator of the tests reserves nothing.
      VoteConcurrency: given('VoteConcurrency', {
        default: keeps ? String(PEER_CONCURRENCY) : '0',
      }),
    };
  }

  /** Votes have room of their own, where the account can give any. */
  #reserve({ peer }: MemberNode, concurrency: string): void {
    const has = new CfnCondition(this, 'HasVoteConcurrency', {
      expression: Fn.conditionNot(Fn.conditionEquals(concurrency, '0')),
    });
    (peer.node.defaultChild as CfnFunction).reservedConcurrentExecutions = Token.asNumber(
      Fn.conditionIf(has.logicalId, concurrency, { Ref: 'AWS::NoValue' }),
    );
  }

  /** Votes go to the entry that has room for them, all else to the one that drives and serves clients. */
  #api({ client, peer }: MemberNode): HttpApi {
    const api = new HttpApi(this, 'Api', {
      defaultIntegration: new HttpLambdaIntegration('ClientIntegration', client),
    });
    api.addRoutes({
      path: '/peer',
      methods: [HttpMethod.POST],
      integration: new HttpLambdaIntegration('PeerIntegration', peer),
    });
    logAccess(api);
    return api;
  }
}

/** The template as a JSON object. */
export function ownAccountTemplate(props: OwnAccountProps): object {
  const app = new App({ analyticsReporting: false });
  const stack = new OwnAccountStack(app, 'own-account', props);
  return app.synth().getStackArtifact(stack.artifactId).template as object;
}
