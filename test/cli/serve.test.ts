import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describeServer } from '../../src/cli/serve.ts';
import { parseConfig } from '../../src/server/config.ts';
import { ROOT } from '../support/files.ts';
import { Folder, plainEnvironment } from '../support/server-process.ts';

function storeLine(env: Record<string, string>): string | undefined {
  const outcome = parseConfig(env);
  assert.ok(outcome.ok, JSON.stringify(outcome));
  const text = describeServer(outcome.config, { host: '127.0.0.1', port: 1 });
  return /^ {2}store {3}(.*)$/m.exec(text)?.[1];
}

describe('what serve prints of the store', () => {
  const cases: readonly (readonly [env: Record<string, string>, line: string])[] = [
    [{ LONGSHORE_STORE: 'datastore:one' }, 'datastore one'],
    [{ LONGSHORE_STORE: 'datastore:one/two?namespace=three' }, 'datastore one/two, namespace three'],
    [
      { LONGSHORE_STORE: 'datastore:one', DATASTORE_EMULATOR_HOST: '127.0.0.1:8081' },
      'datastore one (emulator at 127.0.0.1:8081)',
    ],
    [{ LONGSHORE_STORE: 'datastore:', GOOGLE_CLOUD_PROJECT: 'four' }, 'datastore four'],
    [{ LONGSHORE_STORE: 'datastore:one', GOOGLE_CLOUD_PROJECT: 'four' }, 'datastore one'],
    [{ LONGSHORE_STORE: 'datastore:' }, "datastore the credentials' project"],
    [{ LONGSHORE_STORE: 'memory:', DATASTORE_EMULATOR_HOST: '127.0.0.1:8081' }, 'memory'],
  ];
  for (const [env, line] of cases) {
    it(`[CL17] ${JSON.stringify(env)} is "${line}"`, () => {
      assert.equal(storeLine(env), line);
    });
  }
});

describe('serve --json', function () {
  this.timeout(40_000);
  it('[CI3] prints one JSON object once it is up', async () => {
    const folder = new Folder();
    const args = [join(ROOT, 'src/cli/main.ts'), 'serve', '--port', '0', '--data-dir', folder.path, '--json'];
    const child = spawn(process.execPath, args, { env: plainEnvironment(), stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      const [line] = await once(createInterface({ input: child.stdout }), 'line');
      const { url, cache, auth, dataDir } = JSON.parse(line);
      assert.deepEqual([cache, auth, dataDir], ['memory', [], folder.path]);
      assert.equal((await fetch(`${url}/readyz`)).status, 200);
    } finally {
      child.kill();
      await once(child, 'exit');
      folder.remove();
    }
  });
});
