/** What the synthesised templates promise: what outlives its stack, which functions have room, which times nest. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { Template } from 'aws-cdk-lib/assertions';
import { FUNCTIONS } from '../../infra/build.ts';
import { readConsortiumFile } from '../../infra/consortium-file.ts';
import { memberTemplate } from '../../infra/member-template.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { built, consortium, logicalName, stacks, templates } from './synthesis.ts';

const production = templates(true);
const test = templates(false);

describe('what members rely on', () => {
  it('outlives its stack in production, and is protected', () => {
    const tables = production.consortium.findResources('AWS::DynamoDB::GlobalTable');
    // What lies there is sent again where it is lost.
    delete tables[Object.keys(tables).find((id) => id.startsWith('RelayMailbox'))!];
    assert.equal(Object.keys(tables).length, consortium.members.length + 1);
    for (const { DeletionPolicy, UpdateReplacePolicy, Properties } of Object.values(tables)) {
      assert.deepEqual([DeletionPolicy, UpdateReplacePolicy], ['Retain', 'Retain']);
      for (const replica of Properties.Replicas) {
        assert.equal(replica.DeletionProtectionEnabled, true);
        assert.equal(replica.PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled, true);
      }
    }
    const buckets = Object.values(production.consortium.findResources('AWS::S3::Bucket'));
    assert.equal(buckets.length, consortium.members.length);
    for (const { DeletionPolicy, UpdateReplacePolicy, Properties } of buckets) {
      assert.deepEqual([DeletionPolicy, UpdateReplacePolicy], ['Retain', 'Retain']);
      const { VersioningConfiguration, PublicAccessBlockConfiguration: block } = Properties;
      assert.equal(VersioningConfiguration, undefined, 'what is erased is gone');
      assert.deepEqual(Object.values(block), [true, true, true, true]);
    }
    for (const template of [production.consortium, production.platform]) {
      for (const { DeletionPolicy, UpdateReplacePolicy } of Object.values(
        template.findResources('AWS::KMS::Key'),
      )) {
        assert.deepEqual([DeletionPolicy, UpdateReplacePolicy], ['Retain', 'Retain']);
      }
    }
  });

  it('goes with its stack in tests', () => {
    for (const type of ['AWS::DynamoDB::GlobalTable', 'AWS::KMS::Key', 'AWS::S3::Bucket']) {
      for (const { DeletionPolicy } of Object.values(test.consortium.findResources(type))) {
        assert.equal(DeletionPolicy, 'Delete');
      }
    }
  });

  it('has votes with room of their own, and functions that may call each other in a circle', () => {
    const functions = Object.values(production.consortium.findResources('AWS::Lambda::Function'));
    const nodes = functions.filter(
      ({ Properties }) => Properties.Environment?.Variables.FUQI_ENTRY,
    );
    assert.equal(nodes.length, 2 * consortium.members.length);
    for (const { Properties } of nodes) {
      assert.equal(Properties.RecursiveLoop, 'Allow');
      const isPeer = Properties.Environment.Variables.FUQI_ENTRY === 'peer';
      assert.equal(Properties.ReservedConcurrentExecutions, isPeer ? 10 : undefined);
    }
    for (const { Properties } of functions) {
      assert.equal(Properties.Runtime, 'nodejs24.x');
      assert.ok(Properties.FunctionName === undefined || Properties.FunctionName.length <= 64);
    }
  });

  it('has a signing key’s successor beside it while it is rotated, and then without it', () => {
    const keysAt = (signingKey: number): string[] => {
      const members = consortium.members.map((one, index) =>
        index === 0 ? { ...one, signingKey } : one,
      );
      const template = Template.fromStack(stacks(true, { ...consortium, members }).consortium);
      return Object.keys(template.findResources('AWS::KMS::Key'))
        .filter((id) => id.startsWith(logicalName(consortium.members[0]!.id)))
        .map((id) => id.replace(/^.*?(SigningKey\d?)[0-9A-F]{8}$/, '$1'));
    };
    assert.deepEqual(keysAt(1), ['SigningKey']);
    assert.deepEqual(keysAt(2), ['SigningKey', 'SigningKey2']);
    assert.deepEqual(keysAt(3), ['SigningKey2', 'SigningKey3']);
  });

  it('has the file’s limits, also for members that join later', () => {
    const folder = temporaryFolder();
    const file = path.join(folder, 'consortium.yaml');
    writeFileSync(
      file,
      `format: fuqi-consortium-1
name: limited
limits: { transactionsPerDay: 7 }
members:
  - { id: first, name: First }
  - { id: second, name: Second, limits: { transactionsPerDay: 9 } }
`,
    );
    const { limits, members } = readConsortiumFile(file);
    const perDay = [limits, ...members.map((member) => member.limits)];
    assert.deepEqual(
      perDay.map(({ transactionsPerDay }) => transactionsPerDay),
      [7, 7, 9],
    );
    const template = Template.fromJSON(memberTemplate(true, limits));
    const functions = Object.values(template.findResources('AWS::Lambda::Function'));
    const given = functions.flatMap(
      ({ Properties }) => Properties.Environment.Variables.FUQI_LIMITS ?? [],
    );
    assert.deepEqual(given, [JSON.stringify(limits), JSON.stringify(limits)]);
  });

  it('waits longer than what it waits for', () => {
    const timeout = (matches: (variables: Record<string, string>) => boolean): number =>
      Object.values(production.consortium.findResources('AWS::Lambda::Function')).find(
        ({ Properties }) => matches(Properties.Environment?.Variables ?? {}),
      )!.Properties.Timeout;
    const gateway = timeout((variables) => variables.FUQI_MEMBERS !== undefined);
    const client = timeout((variables) => variables.FUQI_ENTRY === 'client');
    const peer = timeout((variables) => variables.FUQI_ENTRY === 'peer');
    assert.ok(gateway > client && client > peer);
  });
});

it('keeps every bundle within its budget', () => {
  assert.deepEqual(built.map(({ name }) => name).sort(), Object.keys(FUNCTIONS).sort());
  for (const { name, bytes } of built) assert.ok(bytes <= FUNCTIONS[name], `${name}: ${bytes}`);
});
