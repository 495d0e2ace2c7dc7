/** `fuqi wechat-pay`: receives WeChat Pay's notifications, and has each payment recorded and invoiced. */
import type { Command } from 'commander';
import { listen } from '../listen.ts';
import { openLog } from '../log.ts';
import { wechatPayApp } from '../wechat-pay/receiver.ts';
import { loadWechatPayConfig } from '../wechat-pay/receiver-config.ts';
import { globalOptions, show, untilStopped } from './command-context.ts';

export function registerWechatPay(program: Command): void {
  program
    .command('wechat-pay')
    .description('receives WeChat Pay’s payment notifications, and has each payment invoiced')
    .requiredOption('--config <file>', 'whose payments, which keys, what stands on the invoices')
    .action(async ({ config }: { config: string }, command: Command) => {
      const { host, port, payee, keys } = loadWechatPayConfig(config);
      const stopped = untilStopped({ patient: false });
      const log = openLog('wechat-pay', 'info');
      const app = wechatPayApp(payee, keys, log);
      const server = await listen((request) => app.fetch(request), { host, port, log });
      const url = `${server.url}/wechat-pay/notify`;
      show(globalOptions(command), { url }, `Receives notifications at ${url}`);
      await stopped;
      await server.close();
    });
}
