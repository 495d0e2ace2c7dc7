/** The CloudFormation stack of a member that joins: made from the one template of a member's node. */
import {
  AlreadyExistsException,
  type CloudFormationClient,
  CloudFormationServiceException,
  CreateStackCommand,
  DeleteStackCommand,
  DescribeStacksCommand,
  UpdateStackCommand,
} from '@aws-sdk/client-cloudformation';

/** What the template is told; all but the member are the same for a consortium. */
export interface MemberStackParameters {
  readonly Consortium: string;
  readonly Member: string;
  readonly Description: string;
  readonly DirectoryArn: string;
  readonly VaultKeyArn: string;
  readonly AlarmQueueArn: string;
  readonly AlarmQueueUrl: string;
  readonly NoticesArn: string;
  readonly BoundaryArn: string;
  readonly CodeBucket: string;
  readonly NodeCode: string;
  readonly SetupCode: string;
}

export type StackState =
  /** Not there, or gone. */
  | { readonly is: 'absent' }
  /** Being made, changed or taken away. */
  | { readonly is: 'under-way' | 'going' }
  | { readonly is: 'ready' }
  | { readonly is: 'failed'; readonly reason: string };

export interface MemberStacksOptions {
  readonly client: CloudFormationClient;
  /** URLs of the template of a candidate, which goes with its stack, and of a member, which stays. */
  readonly templates: { readonly candidate: string; readonly member: string };
  /** The role that CloudFormation acts by. */
  readonly roleArn: string;
  readonly parameters: Omit<MemberStackParameters, 'Member' | 'Description'>;
}

/** The stacks of a consortium's later members. */
export function memberStacks({ client, templates, roleArn, parameters }: MemberStacksOptions) {
  const nameOf = (member: string): string => `fuqi-${parameters.Consortium}-member-${member}`;
  const given = (own: Partial<MemberStackParameters>) =>
    Object.entries({ ...parameters, ...own }).map(([ParameterKey, ParameterValue]) => ({
      ParameterKey,
      ParameterValue,
    }));
  return {
    async state(member: string): Promise<StackState> {
      try {
        const { Stacks: [stack] = [] } = await client.send(
          new DescribeStacksCommand({ StackName: nameOf(member) }),
        );
        return stateOf(stack?.StackStatus ?? 'DELETE_COMPLETE', stack?.StackStatusReason);
      } catch (error) {
        if (isAbsent(error)) return { is: 'absent' };
        throw error;
      }
    },

    /** Begins to make the node; one that is made already stays as it is. */
    async create(member: string, description: string): Promise<void> {
      const command = new CreateStackCommand({
        StackName: nameOf(member),
        TemplateURL: templates.candidate,
        RoleARN: roleArn,
        Capabilities: ['CAPABILITY_IAM'],
        // A failed one is taken away by whoever reads why it failed.
        OnFailure: 'ROLLBACK',
        Parameters: given({ Member: member, Description: description }),
      });
      try {
        await client.send(command);
      } catch (error) {
        if (!(error instanceof AlreadyExistsException)) throw error;
      }
    },

    /** From now on the member's table and key outlive the stack. */
    async keep(member: string): Promise<void> {
      const command = new UpdateStackCommand({
        StackName: nameOf(member),
        TemplateURL: templates.member,
        RoleARN: roleArn,
        Capabilities: ['CAPABILITY_IAM'],
        Parameters: [
          ...given({}),
          ...['Member', 'Description'].map((ParameterKey) => ({
            ParameterKey,
            UsePreviousValue: true,
          })),
        ],
      });
      try {
        await client.send(command);
      } catch (error) {
        if (!isUnchanged(error)) throw error;
      }
    },

    /**
     * Begins to take the node away; keys wait out the shortest time that KMS has. Answers whether something
     * is being taken away.
     */
    async remove(member: string): Promise<boolean> {
      await client.send(new DeleteStackCommand({ StackName: nameOf(member), RoleARN: roleArn }));
      return true;
    },
  };
}
export type MemberStacks = ReturnType<typeof memberStacks>;

function stateOf(status: string, reason = status): StackState {
  if (status === 'DELETE_COMPLETE') return { is: 'absent' };
  if (status.startsWith('DELETE_IN_PROGRESS')) return { is: 'going' };
  if (/ROLLBACK|FAILED/.test(status)) {
    return status.endsWith('IN_PROGRESS') ? { is: 'under-way' } : { is: 'failed', reason };
  }
  return { is: status.endsWith('IN_PROGRESS') ? 'under-way' : 'ready' };
}

/** CloudFormation says "does not exist", "no updates" and that another step is at it as validation errors. */
const says = (error: unknown, text: RegExp): boolean =>
  error instanceof CloudFormationServiceException &&
  error.name === 'ValidationError' &&
  text.test(error.message);
const isAbsent = (error: unknown): boolean => says(error, /does not exist/);
const isUnchanged = (error: unknown): boolean => says(error, /No updates|_IN_PROGRESS/i);
