/**
 * The template of one member's node as CloudFormation takes it, with parameters for what differs: for
 * members that join while a consortium runs. It is the same construct as that of a consortium's first
 * members. A candidate's is gone with its stack; a member's table and key stay.
 */
import {
  App,
  BootstraplessSynthesizer,
  CfnOutput,
  CfnParameter,
  type IStackSynthesizer,
  Stack,
} from 'aws-cdk-lib';
import { TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import { ManagedPolicy, PermissionsBoundary } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Code } from 'aws-cdk-lib/aws-lambda';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import type { MemberStackParameters } from '../functions/onboarding/member-stack.ts';
import type { TenantLimits } from '../shared/api/tenant-limits.ts';
import { MemberNode } from './member-node.ts';
import { tellOfKeyLoss } from './observability.ts';

/** What a stack of the template has to be told, and what each parameter is. */
const PARAMETERS: Record<keyof MemberStackParameters, string> = {
  Consortium: 'the consortium’s name',
  Member: 'the member’s id',
  Description: 'what its setup is told, as JSON',
  DirectoryArn: 'the consortium’s directory',
  VaultKeyArn: 'the account’s vault key',
  AlarmQueueArn: 'the account’s alarm queue',
  AlarmQueueUrl: 'its URL',
  NoticesArn: 'the topic that tells of a lost key',
  BoundaryArn: 'the permissions boundary of its roles',
  CodeBucket: 'where the bundles are',
  NodeCode: 'the bundle of the node',
  SetupCode: 'the bundle of its setup',
};

/** The template as a JSON object; `limits` are those of a consortium's later members. */
export function memberTemplate(keeps: boolean, limits: TenantLimits): object {
  const app = new App({ analyticsReporting: false });
  const stack = new Stack(app, 'member', {
    // Its code is not among the assets of this app: a parameter says where.
    synthesizer: new BootstraplessSynthesizer() as IStackSynthesizer,
  });
  const parameters = Object.fromEntries(
    Object.entries(PARAMETERS).map(([name, description]) => {
      const { valueAsString } = new CfnParameter(stack, name, { type: 'String', description });
      return [name, valueAsString];
    }),
  ) as Record<keyof MemberStackParameters, string>;
  const bundles = Bucket.fromBucketName(stack, 'Bundles', parameters.CodeBucket);
  const boundary = ManagedPolicy.fromManagedPolicyArn(stack, 'Boundary', parameters.BoundaryArn);
  PermissionsBoundary.of(stack).apply(boundary);
  const node = new MemberNode(stack, 'Node', {
    consortium: parameters.Consortium,
    member: { id: parameters.Member, description: parameters.Description, limits },
    directory: TableV2.fromTableArn(stack, 'Directory', parameters.DirectoryArn),
    vaultKey: Key.fromKeyArn(stack, 'VaultKey', parameters.VaultKeyArn),
    alarmQueue: Queue.fromQueueAttributes(stack, 'AlarmQueue', {
      queueArn: parameters.AlarmQueueArn,
      queueUrl: parameters.AlarmQueueUrl,
    }),
    keeps,
    code: (bundle) =>
      Code.fromBucket(bundles, bundle === 'node' ? parameters.NodeCode : parameters.SetupCode),
  });
  tellOfKeyLoss(stack, {
    consortium: parameters.Consortium,
    keys: node.signingKeys,
    topic: Topic.fromTopicArn(stack, 'Notices', parameters.NoticesArn),
  });
  new CfnOutput(stack, 'Table', { value: node.table.tableName });
  return app.synth().getStackArtifact(stack.artifactId).template as object;
}
