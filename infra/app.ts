/**
 * The CDK app: `npx cdk deploy --all --context consortium=<file>` makes the platform, once an account and
 * region, and the consortium that the file describes.
 */
import { App } from 'aws-cdk-lib';
import { buildFunctions } from './build.ts';
import { readConsortiumFile } from './consortium-file.ts';
import { ConsortiumStack } from './consortium-stack.ts';
import { PlatformStack } from './platform-stack.ts';

const app = new App();
const file: unknown = app.node.tryGetContext('consortium');
if (typeof file !== 'string') {
  throw new Error('name the consortium’s file: --context consortium=examples/consortia/….yaml');
}
await buildFunctions();
// What a test makes goes with its stack; what members rely on stays.
const keeps = app.node.tryGetContext('keeps') !== 'false';
const platform = new PlatformStack(app, 'fuqi-platform', { keeps });
const described = readConsortiumFile(file);
// Where all functions share one machine, they start later than a file made for AWS allows.
const baseTimeoutMs: unknown = app.node.tryGetContext('baseTimeoutMs');
const slower = baseTimeoutMs === undefined ? {} : { baseTimeoutMs: Number(baseTimeoutMs) };
const consortium = { ...described, parameters: { ...slower, ...described.parameters } };
new ConsortiumStack(app, `fuqi-${consortium.name}`, {
  consortium,
  keeps,
  vaultKey: platform.vaultKey,
  alarmQueue: platform.alarmQueue,
});
app.synth();
