/**
 * The linearizability checker against histories whose verdict is known: 48 of a compare-and-set register
 * (Jepsen's, of etcd) and 4 of a key-value store, as porcupine's own tests use them.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { byKey, isLinearizable, type Model, type Operation } from '../chaos/linearizability.ts';
import { vectorsFolder } from './vectors.ts';

const folder = vectorsFolder && join(vectorsFolder, 'consensus', 'linearizability');

interface Case {
  readonly file: string;
  readonly model: 'cas-register' | 'kv get/put/append';
  readonly linearizable: boolean;
}

/** One line of a history. */
interface Line {
  readonly client: string;
  readonly type: string;
  readonly name: string;
  readonly key: string;
  readonly value: string;
}

type Input = Pick<Line, 'name' | 'key' | 'value'>;
/** What was read, or whether a compare-and-set was done. */
type Output = string | boolean;

const REGISTER: Model<string, Input, Output> = {
  initial: 'nil',
  step(state, { name, value }, output) {
    if (name === 'read') return output === undefined || output === state ? state : undefined;
    if (name === 'write') return value;
    const [expected, next] = value.split(' ');
    const isDone = expected === state;
    if (output !== undefined && output !== isDone) return undefined;
    return isDone ? next : state;
  },
  nameOf: (state) => state,
};

const STORE: Model<string, Input, Output> = {
  initial: '',
  step(state, { name, value }, output) {
    if (name === 'get') return output === undefined || output === state ? state : undefined;
    return name === 'put' ? value : state + value;
  },
  nameOf: (state) => state,
};

/** `INFO  jepsen.util - 2	:invoke	:cas	[3 0]`; other lines are not of the history. */
function registerLines(text: string): Line[] {
  return text.split('\n').flatMap((line) => {
    const match = /- (\d+)\s+:(invoke|ok|fail|info)\s+:(read|write|cas)\s+(.*)$/.exec(line);
    if (!match) return [];
    const [, client, type, name, value] = match as unknown as string[];
    return [
      { client: client!, type: type!, name: name!, key: '', value: value!.replace(/[[\]]/g, '') },
    ];
  });
}

/** `{:process 0, :type :invoke, :f :append, :key "0", :value "x"}`. */
function storeLines(text: string): Line[] {
  const form = /:process (\d+), :type :(\w+), :f :(\w+), :key "(.*?)", :value (?:nil|"(.*)")/;
  return text.split('\n').flatMap((line) => {
    const match = form.exec(line);
    if (!match) return [];
    const [, client, type, name, key, value = ''] = match as unknown as string[];
    return [{ client: client!, type: type!, name: name!, key: key!, value }];
  });
}

/** Pairs calls with returns. A failed compare-and-set found another value; a failed read says nothing; `info` is unknown. */
function historyOf(lines: readonly Line[]): Operation<Input, Output>[] {
  const open = new Map<string, { input: Input; calledAt: number }>();
  const history: Operation<Input, Output>[] = [];
  for (const [at, line] of lines.entries()) {
    if (line.type === 'invoke') {
      open.set(line.client, { input: line, calledAt: at });
      continue;
    }
    const call = open.get(line.client)!;
    open.delete(line.client);
    if (line.type === 'info') history.push(call);
    else if (line.type === 'ok' || line.name === 'cas') {
      const output = line.name === 'cas' ? line.type === 'ok' : line.value;
      history.push({ ...call, returned: { at, output } });
    }
  }
  return [...history, ...open.values()];
}

describe('the linearizability checker', { skip: folder === undefined }, () => {
  const cases: Case[] = folder ? JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8')) : [];

  it('is given histories of both verdicts', () => {
    assert.equal(cases.length, 52);
    assert.equal(cases.filter(({ linearizable }) => linearizable).length, 25);
  });

  for (const { file, model, linearizable } of cases) {
    it(`finds ${file} ${linearizable ? '' : 'not '}linearizable`, () => {
      const text = readFileSync(join(folder!, file), 'utf8');
      const isRegister = model === 'cas-register';
      const history = historyOf(isRegister ? registerLines(text) : storeLines(text));
      assert.ok(history.length > 20, `${history.length} operations were read`);
      const parts = [...byKey(history).values()];
      const verdict = parts.every((part) => isLinearizable(part, isRegister ? REGISTER : STORE));
      assert.equal(verdict, linearizable);
    });
  }
});
