/** A process for `environment.test.ts`: writes without end, and says each version when it was answered. */
import { lmdbStores } from '../../../node/lmdb/stores.ts';
import { bytesOf, digestOf } from '../../ports/harness.ts';

const stores = lmdbStores(process.argv[2]!);
process.stdout.write('open\n');
for (let version = (await stores.heads.read('safety'))?.version ?? 0; ; ) {
  const next = version + 1;
  await stores.blocks.put(digestOf(next), bytesOf(20_000, next));
  const values = [[`key/${next}`, bytesOf(100, next)] as const];
  await stores.state.write({ height: next, values, items: [] });
  await stores.mempool.add([{ id: digestOf(`pending ${next}`), bytes: bytesOf(500, next) }]);
  if (!(await stores.heads.swap('safety', version, { version: next, bytes: bytesOf(100, next) }))) {
    throw new Error(`the swap from version ${version} was refused`);
  }
  version = next;
  process.stdout.write(`${version}\n`);
}
