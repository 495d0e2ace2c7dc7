/**
 * Objects of S3 by requests that are signed here (AWS Signature Version 4): all that is needed of S3 is one
 * call at a time, for which its SDK would make a function several times as large.
 */
import { AwsClient } from 'aws4fetch';

const ANSWER_MS = 20_000;

/** An object's place. */
export interface S3Object {
  readonly bucket: string;
  readonly key: string;
}

/** Opens the calls with the credentials of the function's role. */
export function s3Objects(env: NodeJS.ProcessEnv = process.env) {
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION = '' } = env;
  const client = new AwsClient({
    accessKeyId: AWS_ACCESS_KEY_ID!,
    secretAccessKey: AWS_SECRET_ACCESS_KEY!,
    ...(AWS_SESSION_TOKEN && { sessionToken: AWS_SESSION_TOKEN }),
    service: 's3',
    region: AWS_REGION,
  });
  const suffix = AWS_REGION.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com';
  // An emulator's bucket host names lead nowhere.
  const urlOf = ({ bucket, key }: S3Object): string =>
    env.AWS_ENDPOINT_URL
      ? `${env.AWS_ENDPOINT_URL}/${bucket}/${key}`
      : `https://${bucket}.s3.${AWS_REGION}.${suffix}/${key}`;
  const send = (object: S3Object, init: RequestInit): Promise<Response> =>
    client.fetch(urlOf(object), { ...init, signal: AbortSignal.timeout(ANSWER_MS) });
  const failed = (object: S3Object, { status }: Response): Error =>
    new Error(`S3 answered ${status} for ${object.key}`);
  const call = async (object: S3Object, init: RequestInit): Promise<void> => {
    const response = await send(object, init);
    await response.body?.cancel();
    if (!response.ok) throw failed(object, response);
  };
  return {
    /** A URL by which whoever has it reads the object, for so many seconds, while the role's session lasts. */
    async readableAt(object: S3Object, seconds: number): Promise<string> {
      const url = `${urlOf(object)}?X-Amz-Expires=${seconds}`;
      return (await client.sign(url, { method: 'GET', aws: { signQuery: true } })).url;
    },
    put: (object: S3Object, body: Uint8Array<ArrayBuffer>) => call(object, { method: 'PUT', body }),
    /** Undefined where there is none. */
    async get(object: S3Object): Promise<Uint8Array | undefined> {
      const response = await send(object, { method: 'GET' });
      if (response.status !== 404 && !response.ok) throw failed(object, response);
      if (response.ok) return new Uint8Array(await response.arrayBuffer());
      await response.body?.cancel();
      return undefined;
    },
    async has(object: S3Object): Promise<boolean> {
      const response = await send(object, { method: 'HEAD' });
      if (response.status !== 404 && !response.ok) throw failed(object, response);
      return response.ok;
    },
    /** Does nothing where there is none. */
    remove: (object: S3Object) => call(object, { method: 'DELETE' }),
  };
}
