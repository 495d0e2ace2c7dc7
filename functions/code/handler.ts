/**
 * Brings the bundles of a node into its member's own account: fetches each from the consortium's gateway,
 * refuses it where its SHA-256 is not the one that the template names, and puts it into a bucket of the same
 * stack, from which Lambda takes it. Stands in the template itself, to be read there before it runs.
 */
import { sha256Hex } from '../../shared/bytes/crypto.ts';
import { type CustomResourceEvent, respond } from '../custom-resource.ts';
import { s3Objects } from '../s3-object.ts';

const FETCH_MS = 30_000;

/** As the template that this stands in says; a schema's library would be larger than the template may be. */
export interface CodeProperties {
  /** Where the files are: `<source>/<name>`. */
  readonly Source: string;
  readonly Bucket: string;
  /** What the keys begin with: another for each release, so that the old one can go. */
  readonly Release: string;
  readonly Files: readonly { readonly Name: string; readonly Sha256: string }[];
}

const say = (fields: object, message: string): void =>
  console.log(JSON.stringify({ service: 'code', message, ...fields }));
const log = { debug: say, info: say, warn: say, error: say, fatal: say };

export async function handler(event: CustomResourceEvent): Promise<void> {
  log.info({ request: event.RequestType }, 'code');
  const properties = event.ResourceProperties as unknown as CodeProperties;
  await respond(event, `code-${properties.Release}`, log, () =>
    event.RequestType === 'Delete' ? remove(properties) : bring(properties),
  );
}

async function bring({ Source, Bucket, Release, Files }: CodeProperties): Promise<void> {
  const s3 = s3Objects();
  await Promise.all(
    Files.map(async ({ Name, Sha256 }) => {
      const response = await fetch(`${Source}/${Name}`, { signal: AbortSignal.timeout(FETCH_MS) });
      if (!response.ok) throw new Error(`${Source}/${Name} answered ${response.status}`);
      const bytes = new Uint8Array(await response.arrayBuffer());
      const found = sha256Hex(bytes);
      if (found !== Sha256) {
        throw new Error(`${Name} has the SHA-256 ${found}; the template names ${Sha256}`);
      }
      await s3.put({ bucket: Bucket, key: `${Release}/${Name}` }, bytes);
    }),
  );
}

async function remove({ Bucket, Release, Files }: CodeProperties): Promise<void> {
  const s3 = s3Objects();
  await Promise.all(
    Files.map(({ Name }) => s3.remove({ bucket: Bucket, key: `${Release}/${Name}` })),
  );
}
