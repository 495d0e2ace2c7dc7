/** What the administrators of a hosted consortium do to take a member in, through the CLI. */
import type { Cloud } from '../../../infra/emulator/consortium.ts';
import { CallRefused, call } from '../../../node/gateway-call.ts';
import { fuqiJson } from '../../support/fuqi.ts';

export const CONSORTIUM = 'shenzhen-invoice';
/** The hosted members; the first one invites. */
export const HOSTED = ['tax-bureau', 'payment-platform', 'buyer-co'] as const;
export const CONSORTIUM_FILE = `
format: fuqi-consortium-1
name: ${CONSORTIUM}
members:
  - { id: tax-bureau, name: Tax bureau, identities: { officer: [invoice.tax-bureau] } }
  - { id: payment-platform, name: Platform, identities: { platform: [invoice.payment-platform] } }
  - { id: buyer-co, name: Buyer Co., identities: { employee: [invoice.employee], finance: [invoice.finance] } }
`;

/** How far an invitation has come. */
export interface Progress {
  readonly status: string;
  readonly proposal: string;
  readonly votesItself: boolean;
  readonly votes: { readonly status: string } | null;
}

/** The administrators' calls; `root` is the folder of their key rings. */
export function administrators(cloud: Cloud, root: string) {
  const own = ['--consortium', CONSORTIUM, '--home', root];
  const as = (name: string) => ({
    url: cloud.url,
    consortium: CONSORTIUM,
    key: cloud.ring.keys[name],
  });
  const progress = async (id: string): Promise<Progress> =>
    ((await call(as(`${HOSTED[0]}/admin`), `/invitations/${id}`)) as { output: Progress }).output;
  const voteAs = async (member: string, id: string, ...more: string[]): Promise<void> => {
    const { proposal } = await progress(id);
    await fuqiJson('vote', proposal, ...more, '--as', `${member}/admin`, ...own);
  };
  /** Whether it was accepted; another member's node, which reads, may not even have the invitation yet. */
  const isAccepted = async (id: string): Promise<boolean> => {
    try {
      return (await progress(id)).status === 'accepted';
    } catch (error) {
      if (error instanceof CallRefused && error.status === 404) return false;
      throw error;
    }
  };
  return {
    as,
    progress,
    isAccepted,
    invite: (member: string, ...more: string[]) =>
      fuqiJson('invite', member, '--as', `${HOSTED[0]}/admin`, ...more, ...own) as Promise<{
        link: string;
        invitation: { id: string };
      }>,
    /** The other hosted members vote for whoever has accepted the invitation; the inviting one has. */
    async vote(id: string, ...more: string[]): Promise<void> {
      for (const member of HOSTED.slice(1)) await voteAs(member, id, ...more);
    },
    voteAs,
  };
}
