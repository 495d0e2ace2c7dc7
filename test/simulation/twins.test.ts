/** Twins scenarios of our own: a sample of every one of three views, and longer ones drawn at random. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { loadWith, SCRIPTED_LEADERS } from './patches.ts';

loadWith([SCRIPTED_LEADERS]);
const { everyScenario, randomScenario, runScenario } = await import('./twins.ts');
const { Scheduler } = await import('./scheduler.ts');

/** 64 choices a view: every so many of their 262,144 sequences. */
const STEP = 5237;

describe('Twins', () => {
  it('commit nothing twice, over leaders and partitions of three views', async () => {
    let [index, run, commits] = [0, 0, 0];
    for (const scenario of everyScenario(4, 1, 3)) {
      if (index++ % STEP !== 0) continue;
      commits += (await runScenario(scenario)).commits;
      run++;
    }
    assert.ok(run >= 50 && commits > run);
  });

  it('commit nothing twice in longer scenarios, of four and of seven members', async () => {
    for (let seed = 1; seed <= 40; seed++) {
      const [members, twins] = seed % 4 === 0 ? [7, 2] : [4, 1];
      const { commits } = await runScenario(randomScenario(new Scheduler(seed, 0), members, twins));
      assert.ok(commits > 0, `seed ${seed}`);
    }
  });
});
