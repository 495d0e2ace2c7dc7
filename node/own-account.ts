/**
 * What a member to be launches in its own AWS account: the template, its parameters, and the console's link that
 * brings both together. Files of its folder; nothing here calls AWS.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { invitationToken } from '../shared/api/join.ts';
import {
  type Launch,
  launchOf,
  type OwnAccount,
  OwnAccountSchema,
} from '../shared/api/own-account.ts';
import { sha256Hex } from '../shared/bytes/crypto.ts';
import { utf8 } from '../shared/bytes/text.ts';

import { call } from './gateway-call.ts';
import type { InvitationLink } from './invitation-link.ts';
import { genesisOf } from './join-call.ts';
import { UserError } from './user-error.ts';

export interface OwnAccountOptions {
  readonly folder: string;
  /** The operator's unless told. */
  readonly region?: string | undefined;
  readonly name?: string | undefined;
  /** Identities besides `admin`, with their roles. */
  readonly identities: Readonly<Record<string, readonly string[]>>;
}

export interface PreparedLaunch extends Pick<Launch, 'stackName' | 'region' | 'link'> {
  readonly member: string;
  readonly template: { readonly file: string; readonly url: string };
  /** Parameters as the AWS command line takes them, a file; the invitation is among them. */
  readonly parameters: string;
}

const TEMPLATE_MS = 30_000;

/** Asks for what is launched and writes it down; throws a `UserError` where it is not what it says. */
export async function prepareLaunch(
  link: InvitationLink,
  { folder, region: wanted, name, identities }: OwnAccountOptions,
): Promise<PreparedLaunch> {
  const { gateway, consortium, ledger } = link;
  const token = invitationToken(link);
  const target = { url: gateway, consortium, key: token };
  const own = OwnAccountSchema.parse(await call(target, '/join/own-account'));
  genesisOf(own.join, link);
  const text = await templateOf(own);
  const { invitation } = own.join;
  const launch = launchOf({
    ...{ consortium, ledger, gateway, invitation, name, identities },
    region: wanted ?? own.region,
    templateUrl: own.template.url,
  });
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = path.join(folder, 'own-account.template.json');
  const parameters = path.join(folder, 'parameters.json');
  writeFileSync(file, text);
  const list = Object.entries({ ...launch.parameters, Invitation: token }).map(
    ([ParameterKey, ParameterValue]) => ({ ParameterKey, ParameterValue }),
  );
  writeFileSync(parameters, `${JSON.stringify(list, null, 2)}\n`, { mode: 0o600 });
  const { stackName, region, link: opens } = launch;
  return {
    ...{ member: invitation.member, stackName, region, link: opens, parameters },
    template: { file, url: own.template.url },
  };
}

async function templateOf({ template }: OwnAccount): Promise<string> {
  const response = await fetch(template.url, { signal: AbortSignal.timeout(TEMPLATE_MS) });
  const text = await response.text();
  const found = sha256Hex(utf8(text));
  if (response.ok && found === template.sha256) return text;
  throw new UserError('The template could not be fetched as the gateway describes it; try again.');
}
