import assert from 'node:assert/strict';
import { beforeEach, it, mock } from 'node:test';
import { laterMembers } from '../../functions/gateway/later-members.ts';

const listed = (...ids: string[]) =>
  Response.json({
    output: { members: ids.map((id) => ({ id, hosting: 'hosted', active: true })) },
  });
const away = new Error('timed out');

let answers: (Response | Error)[] = [];
const open = () =>
  laterMembers({
    consortium: 'c',
    nodeAt: (member) => `https://fuqi-${member}`,
    askFirst: ['alpha', 'beta'],
    fetch: (async () => {
      const answer = answers.shift() ?? away;
      if (answer instanceof Error) throw answer;
      return answer;
    }) as typeof fetch,
    log: { error: () => {} } as never,
  });

beforeEach(() => mock.timers.reset());

it('finds a member that joined, by the first node that answers', async () => {
  answers = [away, listed('late')];
  assert.equal(await open()('late'), 'https://fuqi-late');
});

it('says that there is none only where a node has said so', async () => {
  mock.timers.enable({ apis: ['Date'] });
  const nodeOf = open();
  answers = [];
  await assert.rejects(nodeOf('late'), /no node could say/);
  // Not asked again at once, and not taken for a no.
  answers = [listed('late')];
  await assert.rejects(nodeOf('late'), /no node could say/);
  mock.timers.tick(2001);
  assert.equal(await nodeOf('late'), 'https://fuqi-late');
  answers = [listed('late')];
  mock.timers.tick(2001);
  assert.equal(await nodeOf('nobody'), undefined);
  // What was known stays so while nobody answers.
  mock.timers.tick(60_000);
  assert.equal(await nodeOf('late'), 'https://fuqi-late');
});
