/** A consortium on the emulator: the real app deployed, its first keys taken, its demo set up. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { LambdaClient } from '@aws-sdk/client-lambda';
import type { KeyRing } from '../../node/local-layout.ts';
import { setUpInvoicing } from '../../node/local-setup.ts';
import { readConsortiumFile } from '../consortium-file.ts';
import { writeKeyRing } from '../first-keys.ts';
import { bootstrap, deploy } from './deploy.ts';
import { EMULATOR_CREDENTIALS, EMULATOR_REGION, startEmulator } from './emulator.ts';

export interface CloudOptions {
  /** The consortium's file. */
  readonly file: string;
  /** What the emulator and the CDK leave. */
  readonly folder: string;
  /** The folder of key rings. */
  readonly root: string;
  readonly port?: number;
  /** IAM policies are enforced, and signatures checked. */
  readonly auth?: boolean;
  /** What every function's environment says besides. */
  readonly environment?: Readonly<Record<string, string>>;
  /** What functions take for AWS; the emulator itself unless something stands in front of it. */
  readonly functionEndpoint?: string;
  readonly onStep?: (step: string) => void;
}

export interface Cloud {
  readonly endpoint: string;
  /** Where the consortium's gateway answers. */
  readonly url: string;
  /** Where nodes that nobody can reach connect. */
  readonly relay: string;
  readonly keyRing: string;
  readonly ring: KeyRing;
  stop(): Promise<void>;
}

/** Starts the emulator and deploys; stops it again where that fails. */
export async function cloudUp(options: CloudOptions): Promise<Cloud> {
  const { file, folder, root, port, auth = false, functionEndpoint } = options;
  const { environment = {}, onStep = () => {} } = options;
  const consortium = readConsortiumFile(file);
  onStep('starting the AWS emulator (its first start installs it)');
  const emulator = await startEmulator({
    folder,
    auth,
    environment,
    ...(port === undefined ? {} : { port }),
    ...(functionEndpoint === undefined ? {} : { functionEndpoint }),
  });
  try {
    const { url: endpoint } = emulator;
    onStep('cdk bootstrap');
    await bootstrap({ url: endpoint, folder });
    onStep('cdk deploy');
    await deploy({ url: endpoint, folder, consortium: path.resolve(file) });
    const outputs = JSON.parse(readFileSync(path.join(folder, 'outputs.json'), 'utf8'));
    // Its host names don't resolve everywhere, its paths do.
    const { ApiId, RelayApiId } = outputs[`fuqi-${consortium.name}`];
    const url = `${endpoint}/_aws/execute-api/${ApiId}`;
    const relay = `${endpoint.replace('http', 'ws')}/_aws/execute-api/${RelayApiId}/live`;
    const client = new LambdaClient({
      endpoint,
      region: EMULATOR_REGION,
      credentials: EMULATOR_CREDENTIALS,
    });
    onStep('taking the first API keys');
    const { file: keyRing, ring } = await writeKeyRing({ client, consortium, url, root });
    client.destroy();
    onStep('setting up invoicing');
    const target = { url, consortium: consortium.name, key: undefined };
    await setUpInvoicing(target, consortium, ring.keys);
    return { endpoint, url, relay, keyRing, ring, stop: emulator.stop };
  } catch (error) {
    await emulator.stop();
    throw error;
  }
}
