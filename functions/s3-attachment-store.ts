/** The attachment store of a hosted node: the objects of a bucket of its own. */
import { type AttachmentStore, partName } from '../shared/ports/attachment-store.ts';
import type { s3Objects } from './s3-object.ts';

/** The attachment store in a bucket. */
export function s3AttachmentStore(
  s3: Pick<ReturnType<typeof s3Objects>, 'put' | 'get' | 'has' | 'remove'>,
  bucket: string,
): AttachmentStore {
  const at = (name: string, part: number) => ({ bucket, key: partName(name, part) });
  return {
    put: (name, part, bytes) => s3.put(at(name, part), new Uint8Array(bytes)),
    get: (name, part) => s3.get(at(name, part)),
    has: (name, part) => s3.has(at(name, part)),
    async remove(name, parts) {
      await Promise.all(Array.from({ length: parts }, (_, part) => s3.remove(at(name, part))));
    },
  };
}
