/**
 * One process of a consortium under chaos: `node process.ts node|gateway <configuration>`. It is the
 * product's own node or gateway; a node can also run the register contract. Ends when its parent does.
 */
import { startGateway } from '../../node/gateway-server.ts';
import { openLog } from '../../node/log.ts';
import { startNode } from '../../node/server.ts';
import { chaosCatalog } from './register-contract.ts';

process.on('disconnect', () => process.exit());
const [kind, config] = process.argv.slice(2);
const log = openLog(kind!, 'info');
try {
  const stop =
    kind === 'gateway'
      ? (await startGateway(config!, log)).close
      : (await startNode(config!, log, { catalog: chaosCatalog })).stop;
  process.once('SIGTERM', () => void stop().then(() => process.exit()));
  process.send?.('serving');
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exit(1);
}
