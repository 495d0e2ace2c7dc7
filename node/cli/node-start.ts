/** `fuqi node start` and `fuqi gateway start`: one process each, in the foreground. */
import { type Command, Option } from 'commander';
import { StoreFault } from '../../shared/ports/store-fault.ts';
import { startGateway } from '../gateway-server.ts';
import { LOG_LEVELS, type LogLevel, openLog } from '../log.ts';
import { startNode } from '../server.ts';
import { untilStopped } from './command-context.ts';
import { registerCheck } from './node-check.ts';
import { registerRotateKey } from './rotate-key.ts';

const logLevel = () =>
  new Option('--log-level <level>', 'what is logged').choices(LOG_LEVELS).default('info');

interface NodeOptions {
  readonly config: string;
  readonly logLevel: LogLevel;
  readonly restored?: boolean;
}

export function registerNodeStart(program: Command): void {
  const node = program.command('node').description('one member’s node');
  registerRotateKey(node);
  registerCheck(node);
  node
    .command('start')
    .description('start a node in the foreground; SIGTERM or Ctrl-C stops it')
    .requiredOption('--config <file>', 'its configuration')
    .option(
      '--restored',
      'the whole machine was rolled back: ask the other validators before anything is signed',
    )
    .addOption(logLevel())
    .action(({ config, logLevel: level, restored = false }: NodeOptions) =>
      serveUntilStopped('node', level, (log) => {
        // Nothing else may write to its store, and what this process remembers is not what is there.
        const onSuperseded = () => endAtOnce(log, 'its store was changed by somebody else');
        const onStoreFailed = (fault: Error) => endAtOnce(log, 'its disk fails', fault);
        return startNode(config, log, { restored, onSuperseded, onStoreFailed });
      }),
    );
  program
    .command('gateway')
    .description('the gateway')
    .command('start')
    .description('start the gateway in the foreground')
    .requiredOption('--config <file>', 'its configuration')
    .addOption(logLevel())
    .action(({ config, logLevel: level }: { config: string; logLevel: LogLevel }) =>
      serveUntilStopped('gateway', level, async (log) => {
        const { close } = await startGateway(config, log);
        return { stop: close };
      }),
    );
}

/** Ends as after a crash: whatever watches over this process starts it again. */
function endAtOnce(log: ReturnType<typeof openLog>, why: string, err?: unknown): never {
  log.fatal(err === undefined ? {} : { err }, `${why}: this process ends`);
  process.exit(70);
}

async function serveUntilStopped(
  name: string,
  level: LogLevel,
  start: (log: ReturnType<typeof openLog>) => Promise<{ stop(): Promise<void> }>,
): Promise<void> {
  const log = openLog(name, level);
  process.on('unhandledRejection', (error) => {
    // One that can't be written is looked after where it is held.
    if (error instanceof StoreFault && error.code === 'unwritable') return;
    // A store that failed in the background can't be trusted to have kept what it was given.
    endAtOnce(log, 'fault in the background', error);
  });
  const stopped = untilStopped({ patient: false });
  const { stop } = await start(log);
  await stopped;
  log.info('stopping');
  await stop();
  process.exit(0);
}
