/** What arrives in one turn of the event loop goes on together after it. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { endOfTurn } from '../../node/end-of-turn.ts';

/** Resolves in another turn. */
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it('all who ask in a turn go on right after each other, in the order in which they asked', async () => {
  const seen: string[] = [];
  const ask = async (name: string): Promise<void> => {
    await endOfTurn();
    seen.push(`${name} 1`);
    await null;
    seen.push(`${name} 2`);
  };
  const asked = [ask('a'), ask('b')];
  await null;
  asked.push(ask('c'));
  assert.deepEqual(seen, []);
  await Promise.all(asked);
  assert.deepEqual(seen, ['a 1', 'b 1', 'c 1', 'a 2', 'b 2', 'c 2']);
});

it('who asks in a later turn waits for the end of that one', async () => {
  const first = endOfTurn();
  await first;
  await nextTurn();
  const second = endOfTurn();
  assert.notEqual(second, first);
  await second;
});
