import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { docParts, withParts } from '../../bench/capacity/doc.ts';
import { readCapacityOptions } from '../../bench/capacity/options.ts';
import { PRICES } from '../../bench/capacity/prices.ts';
import { readCosts } from '../../bench/costs/cost-file.ts';
import { hashOfTree } from '../../bench/costs/source-hash.ts';
import { ROOT } from '../support/files.ts';
import { COSTS } from './sample-costs.ts';

const FRESH = {
  measuredAt: '2026-11-21T18:00:00.000Z',
  node: process.version,
  machine: 'two cores',
  source: hashOfTree(join(ROOT, 'src')),
  quick: false,
  rough: [],
  costs: COSTS,
};

describe('npm run capacity', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'longshore-capacity-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  function run(file: object, ...args: string[]) {
    const costs = join(folder, 'costs.json');
    writeFileSync(costs, JSON.stringify(file));
    const command = [join(ROOT, 'bench/capacity/main.ts'), '--costs', costs, ...args];
    return spawnSync(process.execPath, command, { encoding: 'utf8' });
  }

  it('[CP3] ends with 1 where src is not what was measured, and says how to go on', () => {
    const { status, stdout, stderr } = run({ ...FRESH, source: '0123456789abcdef' }, '--clients', '1e4');
    assert.equal(status, 1);
    assert.equal(stdout, '');
    assert.match(stderr, /of other code[\s\S]*npm run bench -- --costs[\s\S]*--anyway/);
  });

  it('[CP3] goes on with --anyway, with a warning', () => {
    const { status, stdout, stderr } = run({ ...FRESH, source: '0123456789abcdef' }, '--clients', '1e4', '--anyway');
    assert.equal(status, 0);
    assert.match(stderr, /^warning: the unit costs are of other code/);
    assert.match(stdout, /instances/);
  });

  it('[CP14] with fresh costs prints what it takes, what it costs and what breaks first, without a warning', () => {
    const { status, stdout, stderr } = run(FRESH, '--clients', '10e6', '--rate', '0.2', '--per-space', '20');
    assert.deepEqual([status, stderr], [0, '']);
    for (const said of [
      /10,000,000/,
      /memcached nodes/,
      /Datastore writes, USD\/h/,
      /egress/,
      /Pub\/Sub/,
      /breaks first/,
      /20 clients/,
    ])
      assert.match(stdout, said);
  });

  it('[CP14] takes prices of another region from a file', () => {
    const prices = join(folder, 'prices.json');
    writeFileSync(prices, '{"vmHour": 1}');
    const { stdout } = run(FRESH, '--clients', '1e4', '--region-prices', prices);
    const count = Number(/^ *instances +([\d,]+)$/m.exec(stdout)?.[1]?.replace(',', ''));
    assert.ok(count >= 2);
    assert.match(stdout, new RegExp(`^ *instances, USD/h +${count}$`, 'm'));
    writeFileSync(prices, '{"vmHours": 1}');
    assert.match(run(FRESH, '--region-prices', prices).stderr, /vmHours is no price/);
  });

  it('[CP12] --simulate sets the model beside the simulation of a tenth of the clients', () => {
    const { status, stdout } = run(FRESH, '--clients', '1e5', '--simulate');
    assert.match(stdout, /^10,000 clients/);
    assert.match(stdout, /delayP99 .*agrees/);
    assert.equal(status, /DIFFERS/.test(stdout) ? 1 : 0);
  });

  it('[CP15] what is no number, or none that can be, is refused', () => {
    for (const args of [
      ['--clients', 'many'],
      ['--clients', '0'],
      ['--rate', ''],
      ['--joined', '2'],
      ['--on', 'moon'],
      ['--cliens', '1'],
      ['--clients', '5', '--per-space', '6'],
    ])
      assert.throws(() => readCapacityOptions(args), args.join(' '));
    const { load } = readCapacityOptions(['--clients', '10e6', '--per-space', '7']);
    assert.deepEqual([load.clients, load.perSpace, load.itemsPerSpace], [10_000_000, 7, 7]);
  });

  it('[CP16] docs/scaling.md shows what the command prints from the file in the repository', () => {
    const text = readFileSync(join(ROOT, 'docs/scaling.md'), 'utf8');
    const printed = withParts(text, docParts(readCosts(), PRICES));
    assert.equal(text, printed, 'npm run capacity -- --anyway --doc --write docs/scaling.md makes it so');
    assert.throws(
      () => withParts(text.replace('<!-- capacity: vm -->', ''), docParts(readCosts(), PRICES)),
      /no place for vm/,
    );
  });
});
