/**
 * `node test/simulation/hunt-one.ts NAME SEEDS` looks for one deliberate bug, which it loads into its own
 * process, and prints a JSON line for each seed as it begins, and one at the end: how many it took, and
 * what was violated.
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
    process.stdout.write(`${JSON.stringify({ seed })}\n`);
    const replicas = SIZES[seed % SIZES.length]!;
    const cast = { ...castOf(seed, replicas), hostile: faultsTolerated(replicas), twins: 0 };
    // In a calm network an attack gets further; where nobody is hostile a member may lose its store.
    const calm = { cast, faults: { ...NO_FAULTS, isolate: 0.2, ambush: 0.8 } };
    const allCorrect = {
      cast: { ...cast, hostile: 0 },
      loss: seed % 8 === 3 ? 'lost' : 'restore',
    } as const;
    const attacked = seed % 3 === 0 ? calm : { cast };
    const plans = bug?.byAttack
      ? [attacked, { ...calm, newEpoch: true }]
      : [{ ...calm, newEpoch: true }, attacked, {}, allCorrect];
    try {
      await simulate(seed, replicas, plans[seed % plans.length]);
    } catch (error) {
      return { bug: name!, seeds: seed, found: (error as Error).message.split('\n')[0]! };
    }
  }
  return { bug: name!, seeds: null, found: null };
}
