/** `fuqi rotate-vault`: another key for the vault of a hosted member, from its first step to its last. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import { z } from 'zod';
import { call } from '../gateway-call.ts';
import { globalOptions, show, targetOf } from './command-context.ts';

const RotationSchema = z.object({
  state: z.enum(['prepared', 'registered', 'done']),
  keyId: z.string(),
  again: z.string().optional(),
});

export function registerRotateVault(program: Command): void {
  program
    .command('rotate-vault')
    .description(
      'gives your hosted node’s vault another key, while it runs; takes a minute and a half',
    )
    .action(async (_: unknown, command: Command) => {
      const options = globalOptions(command);
      const target = targetOf(options);
      for (;;) {
        const answer = await call(target, '/vault/rotation', { method: 'POST' });
        const { state, keyId, again = '' } = RotationSchema.parse(answer);
        if (state === 'done') {
          const text = `The vault’s key is ${keyId}. The old one is gone.`;
          return show(options, { state, keyId }, text);
        }
        const waitMs = Math.max(500, Date.parse(again) - Date.now());
        if (!options.json)
          process.stderr.write(`${state}; goes on in ${Math.ceil(waitMs / 1000)} s\n`);
        await delay(waitMs);
      }
    });
}
