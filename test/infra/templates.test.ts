/** What the synthesised templates promise: who may reach what, what outlives its stack, which times nest. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Template } from 'aws-cdk-lib/assertions';
import { FUNCTIONS } from '../../infra/build.ts';
import { built, consortium, logicalName, templates } from './synthesis.ts';

const production = templates(true);
const test = templates(false);

interface Statement {
  readonly Effect: string;
  readonly Action: string | string[];
  readonly Resource: unknown;
  readonly Condition?: unknown;
}

/** The statements of the role whose logical id begins so. */
function statementsOf(template: Template, role: string): Statement[] {
  const policies = Object.values(template.findResources('AWS::IAM::Policy'));
  const own = policies.filter(({ Properties }) =>
    (Properties.Roles as { Ref: string }[]).some(({ Ref }) => Ref.startsWith(role)),
  );
  assert.ok(own.length > 0, `no policy of ${role}`);
  return own.flatMap(({ Properties }) => Properties.PolicyDocument.Statement as Statement[]);
}

const actionsOf = ({ Action }: Statement): string[] => [Action].flat();

describe('who may reach what', () => {
  for (const { id } of consortium.members) {
    it(`the node of ${id} reaches its own table and key, and the others’ doors`, () => {
      const name = logicalName(id);
      for (const statement of statementsOf(production.consortium, `${name}NodeRole`)) {
        const resource = JSON.stringify(statement.Resource);
        for (const action of actionsOf(statement)) {
          assert.ok(!action.includes('*'), action);
          if (action.startsWith('dynamodb:') && action !== 'dynamodb:GetItem') {
            assert.match(resource, new RegExp(`"${name}Table`), `${action} on its own table only`);
          }
          if (action === 'dynamodb:GetItem') {
            assert.match(resource, new RegExp(`"(${name}Table|Directory)`));
          }
          if (action === 'kms:Sign') {
            assert.match(resource, new RegExp(`"${name}SigningKey`));
            assert.match(JSON.stringify(statement.Condition), /ECDSA_SHA_256/);
          }
          if (action === 'kms:Decrypt') {
            assert.match(JSON.stringify(statement.Condition), new RegExp(`fuqi:member":"${id}"`));
          }
          if (action === 'lambda:InvokeFunction') {
            assert.doesNotMatch(resource, /-setup/);
            assert.match(resource, /fuqi-shenzhen-invoice_\*_(peer|client)/);
          }
        }
      }
    });

    it(`the setup of ${id} can't sign, and writes its own item of the directory only`, () => {
      for (const statement of statementsOf(production.consortium, `${logicalName(id)}SetupRole`)) {
        const resource = JSON.stringify(statement.Resource);
        assert.ok(!actionsOf(statement).includes('kms:Sign'));
        if (!resource.includes('"Directory')) continue;
        assert.deepEqual(actionsOf(statement), ['dynamodb:PutItem']);
        assert.match(JSON.stringify(statement.Condition), new RegExp(`member#${id}"`));
      }
    });
  }
});

describe('what members rely on', () => {
  it('outlives its stack in production, and is protected', () => {
    const tables = production.consortium.findResources('AWS::DynamoDB::GlobalTable');
    assert.equal(Object.keys(tables).length, consortium.members.length + 1);
    for (const { DeletionPolicy, UpdateReplacePolicy, Properties } of Object.values(tables)) {
      assert.deepEqual([DeletionPolicy, UpdateReplacePolicy], ['Retain', 'Retain']);
      for (const replica of Properties.Replicas) {
        assert.equal(replica.DeletionProtectionEnabled, true);
        assert.equal(replica.PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled, true);
      }
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
    for (const type of ['AWS::DynamoDB::GlobalTable', 'AWS::KMS::Key']) {
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
