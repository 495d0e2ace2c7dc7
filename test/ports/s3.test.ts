/** The suite of the attachment store, run by the adapter on S3 (the emulator's). */
import { after } from 'node:test';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { s3AttachmentStore } from '../../functions/s3-attachment-store.ts';
import { s3Objects } from '../../functions/s3-object.ts';
import type { AttachmentStore } from '../../shared/ports/attachment-store.ts';
import { emulatorForTests } from '../support/emulator.ts';
import { attachmentStoreSuite } from './attachment-store.suite.ts';

const options = await emulatorForTests();
const client = new S3Client({ ...options, forcePathStyle: true });
after(() => client.destroy());
const s3 = s3Objects({
  AWS_ACCESS_KEY_ID: options.credentials.accessKeyId,
  AWS_SECRET_ACCESS_KEY: options.credentials.secretAccessKey,
  AWS_REGION: options.region,
  AWS_ENDPOINT_URL: options.endpoint,
});

const buckets = new Map<AttachmentStore, string>();
function openBucket(name: string): AttachmentStore {
  const store = s3AttachmentStore(s3, name);
  buckets.set(store, name);
  return store;
}

attachmentStoreSuite({
  adapter: 's3',
  async open() {
    const name = `attachments-${buckets.size}`;
    await client.send(new CreateBucketCommand({ Bucket: name }));
    return openBucket(name);
  },
  reopen: async (store) => openBucket(buckets.get(store)!),
});
