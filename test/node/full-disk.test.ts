/** A node's process whose disk is really full: what it answers and says, and that it goes on by itself. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { provision } from '../../node/local-provision.ts';
import { CLI } from '../support/fuqi.ts';
import { type DiskKind, diskKinds, type SmallDisk, smallDisk } from '../support/small-disk.ts';
import { SOLO } from '../support/solo.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { until } from '../support/until.ts';

const CODES: Readonly<Record<DiskKind, string>> = { tmpfs: 'ENOSPC', 'file-size': 'EFBIG' };
const kinds = diskKinds();

/** A node in a folder on a small disk. */
class Node {
  readonly #config: string;
  readonly #key: string;
  readonly data: string;
  readonly disk: SmallDisk;
  process: ChildProcess | undefined;
  log = '';
  url = '';

  constructor(kind: DiskKind) {
    const layout = provision(temporaryFolder(), SOLO, 1);
    const { config, data } = layout.member('all');
    const changed = JSON.parse(readFileSync(config, 'utf8'));
    changed.listen.port = 0;
    writeFileSync(config, JSON.stringify(changed));
    this.#config = config;
    this.#key = JSON.parse(readFileSync(layout.keyRing, 'utf8')).keys['all/platform'];
    this.data = data;
    this.disk = smallDisk(path.dirname(config), kind, 64);
  }

  get pid(): number {
    return this.process!.pid!;
  }

  async start(): Promise<void> {
    this.log = '';
    this.process = spawn(process.execPath, [CLI, 'node', 'start', '--config', this.#config]);
    this.process.stderr!.on('data', (chunk) => {
      this.log += chunk;
    });
    await until(() => this.log.includes('node started'));
    this.url = this.lines('node started')[0]!.url as string;
  }

  /** Starts it where it can't; answers what it says. */
  async refusedStart(): Promise<string> {
    const child = spawn(process.execPath, [CLI, 'node', 'start', '--config', this.#config]);
    let said = '';
    child.stderr.on('data', (chunk) => {
      said += chunk;
    });
    const [code] = await once(child, 'close');
    assert.equal(code, 1);
    return said;
  }

  async end(signal: NodeJS.Signals): Promise<number | null> {
    const ended = once(this.process!, 'exit');
    this.process!.kill(signal);
    return (await ended)[0] as number | null;
  }

  lines(event: string): Record<string, unknown>[] {
    return this.log
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter(({ msg }) => msg === event);
  }

  async pay(reference: string) {
    const response = await fetch(`${this.url}/v1/consortia/solo/payments`, {
      method: 'POST',
      headers: { authorization: `Bearer ${this.#key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ reference, payee: 'all', currency: 'CNY', amount: 100 }),
    });
    return { status: response.status, problem: (await response.json()) as Problem };
  }

  async health() {
    const response = await fetch(`${this.url}/healthz`);
    const health = (await response.json()) as {
      status: string;
      reason: string;
      checked: string;
      height: number;
    };
    return { code: response.status, ...health };
  }

  hasPayment = async (reference: string): Promise<boolean> =>
    (await fetch(`${this.url}/v1/consortia/solo/payments/${reference}`)).ok;

  /** Pays until one is not answered with success; answers that one, and the references of the others. */
  async payUntilRefused(name: string) {
    const paid: string[] = [];
    for (let index = 0; index < 5000; index++) {
      const reference = `${name}-${index}`;
      const answer = await this.pay(reference);
      if (answer.status !== 200) return { paid, refused: reference, ...answer };
      paid.push(reference);
    }
    throw new Error('the disk never was full');
  }
}

interface Problem {
  readonly code: string;
  readonly retry: string;
}

describe('a node whose disk is full', () => {
  if (kinds.length === 0) {
    it('was not tried: this machine can neither mount a tmpfs nor limit file sizes', () => {});
    return;
  }
  for (const kind of kinds) {
    describe(`(${kind}, ${CODES[kind]})`, () => {
      const node = new Node(kind);
      after(async () => {
        if (node.process?.exitCode === null) await node.end('SIGKILL');
        node.disk.remove();
      });

      it('acknowledges nothing that is not stored, says why, once, and goes on by itself', async () => {
        await node.start();
        assert.equal((await node.pay('before')).status, 200);
        node.disk.fill(node.pid);
        const { paid, refused, status, problem } = await node.payUntilRefused('full');
        assert.deepEqual([status, problem.code], [503, 'store-unwritable']);
        assert.equal(problem.retry, 'none', 'without an idempotency key it must not be sent again');
        const later = await node.pay('while-it-is-full');
        assert.deepEqual(
          [later.status, later.problem.code, later.problem.retry],
          [503, 'store-unwritable', 'same'],
        );
        await until(async () => (await node.health()).status === 'store-unwritable');
        const { code, reason, height } = await node.health();
        assert.equal(code, 503);
        assert.match(reason, new RegExp(`\\(${CODES[kind]}\\)$`));
        assert.ok(height >= 0);
        assert.equal(await node.hasPayment('before'), false, 'reads are refused, too');
        const checks = new Set<string>();
        await until(async () => checks.add((await node.health()).checked).size > 3);
        assert.equal(node.lines('store-unwritable').length, 1, node.log);
        assert.equal(node.lines('fault').length, 0, node.log);
        assert.ok(!existsSync(path.join(node.data, 'room.probe')));

        node.disk.free(node.pid);
        await until(async () => (await node.health()).status === 'ok');
        assert.equal(node.lines('store-writable').length, 1);
        for (const reference of ['before', ...paid]) assert.ok(await node.hasPayment(reference));
        assert.equal(await node.hasPayment('while-it-is-full'), false, 'it was not taken');
        assert.equal((await node.pay('while-it-is-full')).status, 200);
        // The one that was under way was taken or not; sent again it is there once.
        const again = await node.pay(refused);
        assert.ok([200, 422].includes(again.status), JSON.stringify(again));
        assert.ok(await node.hasPayment(refused));
      });

      it('loses nothing when it is killed while its disk is full', async () => {
        node.disk.fill(node.pid);
        const { paid } = await node.payUntilRefused('killed');
        await node.end('SIGKILL');
        // The limit of file sizes went with the process.
        if (kind === 'tmpfs') {
          assert.match(
            await node.refusedStart(),
            /^The lock .* can't be written \(ENOSPC[^\n]*\n$/,
          );
        }
        node.disk.free(process.pid);
        await node.start();
        for (const reference of paid) assert.ok(await node.hasPayment(reference));
        assert.equal((await node.pay('after-the-kill')).status, 200);
      });

      it('ends in order while its disk is full', async () => {
        node.disk.fill(node.pid);
        const { paid } = await node.payUntilRefused('stopped');
        await until(() => node.lines('store-unwritable').length === 1);
        assert.equal(await node.end('SIGTERM'), 0);
        node.disk.free(process.pid);
        await node.start();
        for (const reference of paid) assert.ok(await node.hasPayment(reference));
        assert.equal(await node.end('SIGTERM'), 0);
      });
    });
  }
});
