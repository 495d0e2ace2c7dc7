import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { detectFormat } from '../../../../workloads/invoice/import/detect.ts';
import { openSource } from '../../../../workloads/invoice/import/open-source.ts';
import { all, short } from './reading.ts';

const examples = join(import.meta.dirname, '../../../../examples');

describe('the format of a file', () => {
  it('is told by its ending, else by how it begins', () => {
    const head = (text: string) => Buffer.from(text);
    assert.equal(detectFormat('a.CSV', head('<a/>')), 'csv');
    assert.equal(detectFormat('a.ndjson', head('')), 'json-lines');
    assert.equal(detectFormat('a.xml', head('a,b')), 'ubl');
    assert.equal(detectFormat('a', head('\ufeff\n <?xml')), 'ubl');
    assert.equal(detectFormat('a.txt', head(' {"reference"')), 'json-lines');
    assert.equal(detectFormat('a.constructor', head('a,b')), 'csv');
  });
});

describe('opening a file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'fuqi-open-'));
  after(() => rmSync(folder, { recursive: true }));
  const written = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };

  it('reads it as often as one likes', async () => {
    const source = await openSource(join(examples, 'one-invoice.xml'));
    const expected = ['invoice MH-2026-0042 25921'];
    assert.deepEqual(short(await all(source.read())), expected);
    assert.deepEqual(short(await all(source.read())), expected);
  });

  it('reads a CSV with the example mapping', async () => {
    const path = written(
      'orders.csv',
      '订单号,开票日期,商品名称,商品编码,数量,单位,含税单价,税率,会员号,购买方名称,购买方税号\n' +
        'D1,2026-03-02,"香米, 5kg",LY-001,2,袋,39.90,9,,青松机械有限公司,91330100FUQI00001X\n',
    );
    const source = await openSource(path, { mapping: join(examples, 'mapping.example.json') });
    const [record] = await all(source.read());
    assert.ok(record?.kind === 'invoice');
    const { net, tax, gross } = record.document;
    assert.deepEqual([net, tax, gross], [7321, 659, 7980]);
  });

  it('gives another digest for another file or mapping', async () => {
    const mapping = (rateBp: number) =>
      written(
        `${rateBp}.json`,
        JSON.stringify({
          columns: { reference: 'a', date: 'b', amount: 'c' },
          rateBp,
          seller: { name: 'S' },
        }),
      );
    const path = written('a.csv', 'a,b,c\n');
    const one = await openSource(path, { mapping: mapping(0) });
    const other = await openSource(path, { mapping: mapping(100) });
    assert.notEqual(one.digest, other.digest);
    assert.equal((await openSource(path, { mapping: mapping(0) })).digest, one.digest);
  });

  it('says what is wrong with a file or mapping', async () => {
    const csv = written('b.csv', 'a,b\n1,2\n');
    await assert.rejects(
      openSource(join(folder, 'absent.csv')),
      /absent.csv can't be read \(ENOENT\)/,
    );
    await assert.rejects(openSource(written('empty.csv', '')), /is empty/);
    await assert.rejects(openSource(csv), /no mapping fits the columns of .* \(a, b\)/);
    await assert.rejects(openSource(csv, { mapping: 'none' }), /no such preset \(online-retail\)/);
    await assert.rejects(openSource(csv, { mapping: written('m.json', '{') }), /is not JSON/);
    await assert.rejects(
      openSource(csv, { mapping: written('n.json', '{"columns":{}}') }),
      /n.json at \/columns\/reference/,
    );
  });
});
