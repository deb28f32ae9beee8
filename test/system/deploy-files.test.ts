import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { parseConfig } from '../../src/server/config.ts';
import { ROOT } from '../support/files.ts';
import { skipFor } from '../support/need.ts';

type Kind = 'app' | 'cron' | 'index' | 'upload';
type Read = { readonly error: string } | { readonly value: unknown };
type AppFile = {
  readonly runtime: string;
  readonly inbound: readonly string[];
  readonly slots: string;
  readonly env: Readonly<Record<string, string>>;
};

/** As much of the schedule language as a service needs; the SDK itself takes any text. */
const TIME = '([01]\\d|2[0-3]):[0-5]\\d';
const DAYS = '(day|(mon|tues|wednes|thurs|fri|satur|sun)day(, ?(mon|tues|wednes|thurs|fri|satur|sun)day)*)';
const SCHEDULE = new RegExp(
  `^every ([1-9]\\d* (minutes|mins|hours)( synchronized| from ${TIME} to ${TIME})?|${DAYS} ${TIME})$`,
);

/** The root of the Cloud SDK that the `gcloud` in the path belongs to. */
function findSdk(): string | undefined {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    if (!existsSync(join(folder, 'gcloud'))) continue;
    const root = join(realpathSync(join(folder, 'gcloud')), '..', '..');
    if (existsSync(join(root, 'lib/googlecloudsdk/appengine/api/appinfo.py'))) return root;
  }
  return undefined;
}

function hasPython(): boolean {
  return spawnSync('python3', ['--version']).status === 0;
}

describe('deploy files', function () {
  this.timeout(60_000);
  describe('as the Cloud SDK reads them', () => {
    let sdk: string;
    let folder: string;

    before(function () {
      const found = findSdk();
      if (found === undefined) return skipFor(this, 'the Google Cloud SDK is not installed');
      if (!hasPython()) return skipFor(this, 'python3 is not installed');
      sdk = found;
      folder = mkdtempSync(join(tmpdir(), 'longshore-deploy-'));
    });

    after(() => {
      if (folder !== undefined) rmSync(folder, { recursive: true });
    });

    function readAll(...asked: readonly (readonly [Kind, string])[]): readonly Read[] {
      const script = join(ROOT, 'test/system/deploy_files.py');
      const { stdout, stderr, status } = spawnSync('python3', [script, sdk, ...asked.flat()], { encoding: 'utf8' });
      assert.equal(status, 0, stderr);
      return JSON.parse(stdout);
    }

    function read<T>(kind: Kind, path: string): T {
      const [result] = readAll([kind, path]);
      assert.ok(result !== undefined && 'value' in result, JSON.stringify(result));
      return result.value as T;
    }

    function write(name: string, content: string): string {
      writeFileSync(join(folder, name), content);
      return join(folder, name);
    }

    it('[DP5] app.yaml is accepted, and leaves room for parked polls', () => {
      const app = read<AppFile>('app', join(ROOT, 'app.yaml'));
      assert.equal(app.runtime, 'nodejs24');
      assert.deepEqual(app.inbound, ['warmup']);
      // The service takes no more, though the SDK does not say so.
      assert.equal(app.slots, '1000');
    });

    it('[DP6] app.yaml names the backends and carries no secret', () => {
      const { env } = read<AppFile>('app', join(ROOT, 'app.yaml'));
      assert.match(env.LONGSHORE_CACHE ?? '', /^memcached:\/\//);
      assert.match(env.LONGSHORE_STORE ?? '', /^datastore:/);
      assert.match(env.LONGSHORE_BLOBS ?? '', /^gs:\/\//);
      assert.deepEqual(
        Object.keys(env).filter((name) => /SECRET|TOKEN|PASSWORD|KEY/.test(name)),
        [],
      );
    });

    it('[DP7] cron.yaml is accepted and sweeps every minute', () => {
      const jobs = read<{ url: string; schedule: string }[]>('cron', join(ROOT, 'cron.yaml'));
      for (const { schedule } of jobs) assert.match(schedule, SCHEDULE);
      assert.deepEqual(jobs, [{ url: '/internal/sweep', schedule: 'every 1 minutes' }]);
    });

    it('[DP7] index.yaml is accepted where there is one', () => {
      const path = join(ROOT, 'index.yaml');
      if (existsSync(path)) assert.ok(read<number>('index', path) >= 0);
    });

    it('[DP8] a broken file is caught', () => {
      const app = readFileSync(join(ROOT, 'app.yaml'), 'utf8');
      const results = readAll(
        ['app', write('unknown.yaml', `${app}\nvpc_acces: {}\n`)],
        ['app', write('two.yaml', `${app}\nmanual_scaling:\n  instances: 2\n`)],
        ['app', write('type.yaml', app.replace('min_instances: 1', 'min_instances: some'))],
        ['cron', write('cron.yaml', 'cron:\n- url: /internal/sweep\n  shedule: every 1 minutes\n')],
        ['index', write('index.yaml', 'indexes:\n- kind: Item\n  propertys: []\n')],
      );
      const errors = results.map((one) => ('error' in one ? one.error : 'accepted'));
      const [unknown = '', two = '', type = '', cron = '', index = ''] = errors;
      assert.match(unknown, /vpc_acces/);
      assert.match(two, /scaling/);
      assert.match(type, /some/);
      assert.match(cron, /shedule/);
      assert.match(index, /propertys/);
    });

    it('[DP9] a deploy sends what the build needs, and neither packages, tests nor secrets', () => {
      const sent = read<string[]>('upload', ROOT);
      const needed = [
        'package.json',
        'package-lock.json',
        'tsconfig.build.json',
        'build/build.ts',
        'bin/longshore.mjs',
      ];
      for (const path of [...needed, 'src/protocol/limits.ts']) assert.ok(sent.includes(path), `${path} is not sent`);
      const kept = /^(node_modules|dist|test|bench|coverage|\.git|\.longshore)\//;
      assert.deepEqual(
        sent.filter((path) => kept.test(path)),
        [],
      );
    });

    it('[DP9] a deploy leaves the file of the secret behind', () => {
      const ignore = readFileSync(join(ROOT, '.gcloudignore'), 'utf8');
      const upload = mkdtempSync(join(folder, 'upload-'));
      for (const name of ['app.secret.yaml', '.env', '.env.local', 'app.yaml']) writeFileSync(join(upload, name), '');
      writeFileSync(join(upload, '.gcloudignore'), ignore);
      assert.deepEqual(read<string[]>('upload', upload), ['app.yaml']);
    });
  });

  it('[DP14] app.yaml starts what its build makes of the source, and the image has no other', () => {
    const app = readFileSync(join(ROOT, 'app.yaml'), 'utf8');
    const main = /^entrypoint: node (?:--\S+ )*dist\/(\S+)\.js serve$/m.exec(app)?.[1] ?? assert.fail('not from dist');
    assert.ok(existsSync(join(ROOT, 'src', `${main}.ts`)), `${main} is started, but would not be built`);
    const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    assert.equal(scripts['gcp-build'], 'npm run build');
    const dockerfile = readFileSync(join(ROOT, 'Dockerfile'), 'utf8');
    const image = dockerfile.slice(dockerfile.lastIndexOf('\nFROM'));
    assert.match(image, /^COPY --from=build \/app\/dist dist$/m);
    assert.doesNotMatch(image, /^COPY .*\bsrc\b/m);
  });

  it('[DP11] app.yaml says whom to let in, and the server starts with what it says', () => {
    const app = readFileSync(join(ROOT, 'app.yaml'), 'utf8').replaceAll('PROJECT_ID', 'my-project');
    const entries = [...app.matchAll(/^ {2}(LONGSHORE_[A-Z_]+): (?:"([^"]*)"|'([^']*)')$/gm)];
    const env = Object.fromEntries(entries.map(([, name, plain, quoted]) => [name, plain ?? quoted]));
    const outcome = parseConfig({ ...env, GAE_ENV: 'standard', LONGSHORE_SECRET: 'sealing-key-of-the-test' });
    assert.ok(outcome.ok, JSON.stringify(outcome));
    assert.deepEqual(outcome.config.auth.modes, ['jwt']);
    assert.equal(outcome.config.auth.allowAnonymous, false);
    assert.deepEqual(outcome.warnings, []);
  });

  it('[DP12] the image lets nobody in until it is told whom', () => {
    const dockerfile = readFileSync(join(ROOT, 'Dockerfile'), 'utf8').replace(/^#.*$/gm, '');
    assert.doesNotMatch(dockerfile, /LONGSHORE_(ALLOW_ANONYMOUS|AUTH|ISSUERS|JWT_SECRET|API_KEYS)/);
    const env = Object.fromEntries(
      [...dockerfile.matchAll(/\b(LONGSHORE_[A-Z_]+)=(\S+)/g)].map(([, name, value]) => [name, value]),
    );
    const outcome = parseConfig(env);
    assert.ok(!outcome.ok);
    assert.match(outcome.problems.join(), /LONGSHORE_AUTH must be/);
  });

  it('[DP7] a schedule that App Engine would not take is recognised', () => {
    const good = [
      'every 1 minutes',
      'every 12 hours',
      'every 5 minutes from 10:00 to 14:00',
      'every monday, friday 09:00',
    ];
    const bad = ['every banana', 'every 0 minutes', 'every minute', '1 minutes', 'every day', 'every day 24:00', ''];
    assert.deepEqual(
      [...good, ...bad].filter((text) => SCHEDULE.test(text)),
      good,
    );
  });

  it('[DP10] the image is made of files that are there, listens for others, and does not run as root', () => {
    const dockerfile = readFileSync(join(ROOT, 'Dockerfile'), 'utf8');
    const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap((match) =>
      (match[1] ?? '').split(' '),
    );
    const allowed = readFileSync(join(ROOT, '.dockerignore'), 'utf8').split('\n');
    assert.ok(copied.length >= 8);
    for (const path of copied) {
      assert.ok(existsSync(join(ROOT, path)), `${path} is copied, but not there`);
      assert.ok(allowed.includes(`!${path}`), `${path} is copied, but .dockerignore leaves it out`);
    }
    assert.match(dockerfile, /LONGSHORE_HOST=0\.0\.0\.0/);
    assert.match(dockerfile.slice(dockerfile.lastIndexOf('FROM')), /^USER node$/m);
  });
});
