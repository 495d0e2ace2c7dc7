/** The app's stacks as the tests of this folder look at them, made of the example consortium. */
import path from 'node:path';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { buildFunctions } from '../../infra/build.ts';
import { readConsortiumFile } from '../../infra/consortium-file.ts';
import { ConsortiumStack } from '../../infra/consortium-stack.ts';
import { OwnAccountStack } from '../../infra/own-account.ts';
import { PlatformStack } from '../../infra/platform-stack.ts';
import { ownFiles } from '../../infra/release.ts';

const FILE = path.resolve(import.meta.dirname, '../../examples/consortia/shenzhen-invoice.yaml');
export const consortium = readConsortiumFile(FILE);
export const built = await buildFunctions();

/** The stacks as constructs, not synthesised yet; `keeps` is true in production. */
export function stacks(keeps: boolean, file = consortium) {
  const app = new App();
  const platform = new PlatformStack(app, 'platform', { keeps });
  const { vaultKey, alarmQueue } = platform;
  const props = { consortium: file, keeps, vaultKey, alarmQueue };
  const stack = new ConsortiumStack(app, 'consortium', props);
  return { app, platform, consortium: stack };
}

/** The templates of both stacks. */
export function templates(keeps: boolean) {
  const { platform, consortium } = stacks(keeps);
  return { platform: Template.fromStack(platform), consortium: Template.fromStack(consortium) };
}

/** How logical ids of a member's resources begin. */
export const logicalName = (member: string): string => `Member${member.replaceAll('-', '')}`;

/** The stack of a member's own account. */
export function ownAccount(keeps: boolean) {
  const app = new App();
  const { limits } = consortium;
  const stack = new OwnAccountStack(app, 'own-account', { keeps, limits, files: ownFiles() });
  return { app, stack };
}
