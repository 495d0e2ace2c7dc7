/** `fuqi join --hosting own-account`: prepares what the member launches in its AWS account, and sees it join. */
import { setTimeout as delay } from 'node:timers/promises';
import type { InvitationLink } from '../invitation-link.ts';
import { join } from '../join-call.ts';
import { prepareLaunch } from '../own-account.ts';
import { type GlobalOptions, say, show } from './command-context.ts';
import { POLL_MS, patiently, stateOf } from './join-progress.ts';

export interface OwnAccountGiven {
  readonly name?: string;
  readonly folder?: string;
  readonly region?: string;
  readonly identity: Record<string, string[]>;
  readonly wait: boolean;
}

export async function joinFromOwnAccount(
  link: InvitationLink,
  { name, folder, region, identity: identities, wait }: OwnAccountGiven,
  options: GlobalOptions,
): Promise<void> {
  const { invitation: asked } = await join(link);
  if (asked.status === 'revoked') stateOf(asked, undefined);
  const launch = await prepareLaunch(link, {
    ...{ folder: folder ?? asked.member, region, name, identities },
  });
  if (asked.status === 'open') say(options, instructions(launch));
  let said = '';
  for (;;) {
    const { invitation } = await patiently(() => join(link));
    if (invitation.status !== 'open') {
      const { text } = stateOf(invitation, undefined);
      if (text !== said) say(options, text);
      said = text;
    }
    const votes = invitation.votesItself || (invitation.enrolled && !invitation.validator);
    if (votes || !wait) {
      const done = votes ? `${launch.member} is a member, and its node runs.` : '';
      return show(options, { invitation, launch }, done);
    }
    await delay(POLL_MS);
  }
}

const instructions = ({
  link,
  stackName,
  region,
  template,
  parameters,
}: Awaited<
  ReturnType<typeof prepareLaunch>
>): string => `Launch the node in your AWS account, in the browser:

  ${link}

(paste the invitation there, fuqi-invitation_…), or by the command line:

  aws cloudformation create-stack --region ${region} --stack-name ${stackName} --capabilities CAPABILITY_IAM \\
    --template-body file://${template.file} --parameters file://${parameters}

What it makes stands in ${template.file}. Waiting for it; Ctrl-C does no harm.`;
