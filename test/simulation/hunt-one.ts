/**
 * `node test/simulation/hunt-one.ts NAME SEEDS` looks for one deliberate bug, which it loads into its own
 * process, and prints a JSON line: how many seeds it took, and what was violated.
 */
import { BUGS, NO_BUG } from './bugs.ts';
import { loadWith } from './patches.ts';

/** Sizes of the networks, in turn. */
const SIZES = [4, 4, 7, 5] as const;

const [name, seeds] = process.argv.slice(2);
const bug = BUGS.find((candidate) => candidate.name === name);
if (!bug && name !== NO_BUG) throw new Error(`no bug is named ${name}`);
loadWith(bug?.patches ?? []);
// A deliberate bug may leave promises that nobody waits for.
process.on('unhandledRejection', () => {});
// Only now: what is imported has the bug.
const { faultsTolerated } = await import('../../shared/consensus/validators.ts');
const { NO_FAULTS } = await import('./faults.ts');
const { castOf } = await import('./plan.ts');
const { simulate } = await import('./run.ts');

process.stdout.write(`${JSON.stringify(await hunt())}\n`);

/** Every other seed has an attacker: that a rule is missing shows when somebody breaks it. */
async function hunt(): Promise<{ bug: string; seeds: number | null; found: string | null }> {
  for (let seed = 1; seed <= Number(seeds); seed++) {
    const replicas = SIZES[seed % SIZES.length]!;
    const cast = { ...castOf(seed, replicas), hostile: faultsTolerated(replicas), twins: 0 };
    // In a calm network an attack gets further.
    const calm = { ...NO_FAULTS, isolate: 0.5 };
    const attacked = seed % 3 === 0 ? { cast, faults: calm } : { cast };
    try {
      await simulate(seed, replicas, seed % 4 < 2 ? attacked : {});
    } catch (error) {
      return { bug: name!, seeds: seed, found: (error as Error).message.split('\n')[0]! };
    }
  }
  return { bug: name!, seeds: null, found: null };
}
