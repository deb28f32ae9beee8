import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CostFile, judgeCosts, readCosts } from '../../bench/costs/cost-file.ts';
import { hashOfTree } from '../../bench/costs/source-hash.ts';
import { COSTS } from './sample-costs.ts';

const FILE: CostFile = {
  measuredAt: '2026-11-21T18:00:00.000Z',
  node: 'v24.21.0',
  machine: 'two cores',
  source: '0123456789abcdef',
  quick: false,
  rough: [],
  costs: COSTS,
};

describe('the file of unit costs', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'longshore-costs-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  function written(content: unknown): string {
    const path = join(folder, 'unit-costs.json');
    writeFileSync(path, JSON.stringify(content));
    return path;
  }

  it('[CP2] comes back as it was written', () => {
    assert.deepEqual(readCosts(written(FILE)), FILE);
  });

  it('[CP2] without a cost, with one below nothing, or without its source it is refused', () => {
    const { look: _look, ...others } = COSTS;
    assert.throws(() => readCosts(written({ ...FILE, costs: others })), /not a file of unit costs[\s\S]*look/);
    const less = { ...COSTS, look: { ...COSTS.look, serverUs: -1 } };
    assert.throws(() => readCosts(written({ ...FILE, costs: less })), /serverUs/);
    assert.throws(() => readCosts(written({ ...FILE, source: undefined })), /source/);
    assert.throws(() => readCosts(join(folder, 'other.json')), /npm run bench -- --costs makes it/);
  });

  it('[CP3] is stale where src is not what was measured, and says so', () => {
    const now = { source: FILE.source, node: FILE.node };
    assert.deepEqual(judgeCosts(FILE, now), { warnings: [] });
    assert.match(
      judgeCosts(FILE, { ...now, source: 'fedcba9876543210' }).stale ?? '',
      /other code.*0123456789abcdef.*fedcba/,
    );
  });

  it('[CP3] a quick run and another Node are warned of', () => {
    const { stale, warnings } = judgeCosts(
      { ...FILE, quick: true, rough: ['look.cacheUs'] },
      { source: FILE.source, node: 'v26.0.0' },
    );
    assert.equal(stale, undefined);
    assert.match(warnings.join('\n'), /quick run[\s\S]*taken as 0: look\.cacheUs[\s\S]*v24\.21\.0[\s\S]*v26\.0\.0/);
  });

  it('[CP4] the hash of a tree changes with a byte, a name and a place, and with nothing else', () => {
    const tree = (name: string, files: Record<string, string>): string => {
      for (const [path, text] of Object.entries(files)) {
        mkdirSync(join(folder, name, path, '..'), { recursive: true });
        writeFileSync(join(folder, name, path), text);
      }
      return hashOfTree(join(folder, name));
    };
    const first = tree('a', { 'x.ts': 'one', 'deep/y.ts': 'two' });
    assert.equal(tree('b', { 'deep/y.ts': 'two', 'x.ts': 'one' }), first);
    const others = [
      tree('c', { 'x.ts': 'one ', 'deep/y.ts': 'two' }),
      tree('d', { 'z.ts': 'one', 'deep/y.ts': 'two' }),
      tree('e', { 'x.ts': 'one', 'y.ts': 'two' }),
      tree('f', { 'x.ts': 'onet', 'deep/y.ts': 'wo' }),
      tree('g', { 'x.ts': 'one' }),
    ];
    assert.equal(new Set([first, ...others]).size, 6);
  });
});
