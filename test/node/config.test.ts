import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { besides, GatewayConfigSchema, loadJson, NodeConfigSchema } from '../../node/config.ts';
import { LocalConsortiumSchema } from '../../node/local-layout.ts';
import { UserError } from '../../node/user-error.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const folder = temporaryFolder();
const file = path.join(folder, 'node.json');

const GOOD = {
  format: 'fuqi-node-1',
  member: 'corner-shop',
  genesis: 'genesis.json',
  data: 'data',
  storeIdentity: 'store-identity',
  listen: { host: '127.0.0.1', port: 8083 },
  peers: { 'tax-bureau': 'https://node.tax.example' },
  keys: { node: 'keys/node.pem', peer: 'keys/peer.pem', identities: { seller: 'keys/s.pem' } },
  apiKeys: 'api-keys.json',
};

/** What is said about a changed configuration. */
function refusal(change: object | string): string {
  writeFileSync(file, typeof change === 'string' ? change : JSON.stringify({ ...GOOD, ...change }));
  try {
    loadJson(file, NodeConfigSchema, 'node configuration');
  } catch (error) {
    assert.ok(error instanceof UserError);
    assert.equal(error.message.split('\n').length, 1, 'one line');
    assert.ok(error.message.includes(file), 'it names the file');
    return error.message;
  }
  return assert.fail('it was accepted');
}

describe('a configuration file', () => {
  it('is read when it is good', () => {
    writeFileSync(file, JSON.stringify(GOOD));
    assert.deepEqual(loadJson(file, NodeConfigSchema, 'node configuration'), GOOD);
  });

  it('is refused with the field, what was found and what was expected', () => {
    assert.match(refusal({ format: 'other' }), /at \/format: .*"fuqi-node-1" \(found "other"\)/);
    assert.match(refusal({ member: 'Corner Shop' }), /at \/member: .*\(found "Corner Shop"\)/);
    assert.match(
      refusal({ listen: { host: '127.0.0.1', port: 70_000 } }),
      /at \/listen\/port: .*65535 \(found 70000\)/,
    );
    assert.match(refusal({ data: undefined }), /at \/data: .*expected string/);
    assert.match(refusal({ peers: { a: 'ftp://x' } }), /at \/peers\/a: .*\(found "ftp:\/\/x"\)/);
    assert.match(refusal({ keys: { node: 'x', peer: 'y' } }), /at \/keys\/identities: /);
    assert.match(refusal({ retain: { blocks: 10 } }), /at \/retain\/blocks: .*1000 \(found 10\)/);
    assert.match(refusal({ retain: { days: 3 } }), /at \/retain\/blocks: /);
  });

  it('is refused with a field that nobody knows, by its name', () => {
    assert.match(refusal({ lissten: 8080 }), /at \/lissten: .*\(found 8080\)/);
    assert.match(
      refusal({ listen: { host: 'h', port: 1, tls: true } }),
      /at \/listen\/tls: .*\(found true\)/,
    );
  });

  it('is refused when it is no JSON, or not there', () => {
    assert.match(refusal('{"format":'), /is not JSON/);
    assert.throws(
      () => loadJson(path.join(folder, 'absent.json'), GatewayConfigSchema, 'gateway config'),
      /^Error: The gateway config .*absent\.json can't be read: ENOENT/,
    );
  });

  it('names other files relative to itself', () => {
    assert.equal(besides('/etc/fuqi/node.json', 'keys/node.pem'), '/etc/fuqi/keys/node.pem');
    assert.equal(besides('/etc/fuqi/node.json', '/run/passphrase'), '/run/passphrase');
  });
});

it('the example’s description is good', () => {
  const demo = path.resolve(import.meta.dirname, '../../examples/consortia/demo.json');
  const { members } = loadJson(demo, LocalConsortiumSchema, 'description');
  assert.equal(members.length, 4);
});
