/** The block store in DynamoDB. */
import type { Digest } from '../../shared/bytes/digest.ts';
import type { BlockStore } from '../../shared/ports/block-store.ts';
import { getValues, putValues, removeValues } from './chunks.ts';
import type { Table } from './table.ts';

const nameOf = (id: Digest): string => `block#${id}`;

export function dynamoBlockStore(table: Table): BlockStore {
  return {
    put: (id, bytes) => putValues(table, [[nameOf(id), bytes]]),
    async get(id) {
      const [bytes] = await getValues(table, [nameOf(id)]);
      return bytes;
    },
    remove: (ids) => removeValues(table, ids.map(nameOf)),
  };
}
