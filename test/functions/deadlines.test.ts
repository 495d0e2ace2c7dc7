/** Whoever waits has longer than what it waits for. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DEADLINES } from '../../functions/deadlines.ts';
import { LIMITS } from '../../shared/ledger/limits.ts';
import { templates } from '../infra/synthesis.ts';

const { service, wake, peer, node, reserve, customResource, customResourceAnswer, functions } =
  DEADLINES;
/** What API Gateway waits for an integration of an HTTP API: its quota. */
const API_MS = 30_000;
/** AWS's clients try three times unless told, and pause up to 1.5 s in all where they are throttled. */
const withRetries = (attemptMs: number): number => 3 * attemptMs + 1500;
/** `respond` in functions/custom-resource.ts: four attempts, and pauses of 0.4, 0.8 and 1.6 s. */
const ANSWER_MS = 4 * customResourceAnswer + 2800;

/** What is waited for, how long that may take, who waits, and how long. */
const NESTED: readonly [inner: string, innerMs: number, outer: string, outerMs: number][] = [
  ['the gateway', functions.gateway, 'API Gateway', API_MS],
  ['a node, as called', node, 'the gateway', functions.gateway],
  ['a node’s client function', functions.client, 'the gateway’s call', node],
  ['the longest wait of a client', LIMITS.waitMsMax + reserve - 1, 'a node', functions.client],
  ['a peer, as called', peer, 'a node’s client function', functions.client - reserve],
  ['a peer, as called', peer, 'a peer function that catches up', functions.peer],
  ['a call of a service, with retries', withRetries(service), 'a peer’s caller', peer],
  ['a call of a service, with retries', withRetries(service), 'a setup', functions.setup],
  ['the wakings of a batch', withRetries(wake), 'the alarm function', functions.alarm],
  ['the answer to CloudFormation', ANSWER_MS, 'a setup', functions.setup],
  ['a setup', functions.setup, 'CloudFormation', customResource],
];

describe('a deadline', () => {
  for (const [inner, innerMs, outer, outerMs] of NESTED) {
    it(`of ${inner} (${innerMs} ms) is within that of ${outer} (${outerMs} ms)`, () => {
      assert.ok(innerMs < outerMs);
    });
  }

  it('is what the templates deploy', () => {
    const { consortium, platform } = templates(true);
    const all = [consortium, platform].flatMap((template) =>
      Object.values(template.findResources('AWS::Lambda::Function')).map(({ Properties }) => {
        const variables: Record<string, string> = Properties.Environment?.Variables ?? {};
        const name = variables.FUQI_ENTRY ?? (variables.FUQI_MEMBERS ? 'gateway' : undefined);
        return [name, Properties.Timeout * 1000] as const;
      }),
    );
    for (const entry of ['peer', 'client', 'gateway'] as const) {
      const times = all.filter(([name]) => name === entry).map(([, ms]) => ms);
      assert.ok(times.length > 0 && times.every((ms) => ms === functions[entry]), entry);
    }
    const [queue] = Object.values(
      platform.findResources('AWS::SQS::Queue', { Properties: { RedrivePolicy: {} } }),
    );
    // Lambda asks for six times the function's time, or a message is rung twice.
    assert.equal(queue!.Properties.VisibilityTimeout * 1000, 6 * functions.alarm);
  });
});
