import assert from 'node:assert/strict';
import { join, resolve } from 'node:path';
import { describeConfig, parseConfig } from '../../src/server/config.ts';
import { configOf, problemsOf } from '../support/parsed-config.ts';

const KEY = 'a-long-enough-sealing-key-1';
const CLOUD = { LONGSHORE_CACHE: 'memcached://10.0.0.3', LONGSHORE_SECRET: KEY };

describe('configuration', () => {
  it('[CF1] with nothing given everything is embedded, in ./.longshore, on loopback', () => {
    const config = configOf({});
    const dataDir = resolve('.longshore');
    assert.deepEqual(
      [config.host, config.port, config.dataDir, config.cache, config.bus],
      ['127.0.0.1', 8080, dataDir, { backend: 'memory' }, { backend: 'memory' }],
    );
    assert.deepEqual(config.store, { backend: 'sqlite', path: join(dataDir, 'store.sqlite') });
    assert.deepEqual(config.blobs, { backend: 'folder', path: join(dataDir, 'blobs') });
    assert.deepEqual(config.secrets, []);
  });

  it('[CF2] listens on every address on App Engine and Cloud Run, unless told otherwise', () => {
    const open = { LONGSHORE_ALLOW_ANONYMOUS: '1' };
    assert.equal(configOf({ GAE_ENV: 'standard', ...open }).host, '0.0.0.0');
    assert.equal(configOf({ K_SERVICE: 'x', ...open }).host, '0.0.0.0');
    assert.equal(configOf({ K_SERVICE: 'x', LONGSHORE_HOST: '127.0.0.1' }).host, '127.0.0.1');
    assert.equal(configOf({ K_SERVICE: 'x', ...open }).onAppEngine, false);
  });

  it('[CF3] a flag wins over the environment, and an empty variable is none', () => {
    const config = configOf({ PORT: '1', LONGSHORE_CACHE: '' }, { port: '0', dataDir: '/d' });
    assert.deepEqual(
      [config.port, config.dataDir, config.store],
      [0, '/d', { backend: 'sqlite', path: '/d/store.sqlite' }],
    );
  });

  it('[PG7] serves pages unless it is told not to', () => {
    assert.deepEqual([configOf({}).pages, configOf({ LONGSHORE_PAGES: '0' }).pages], [true, false]);
    assert.match(problemsOf({ LONGSHORE_PAGES: 'some' }).join(), /LONGSHORE_PAGES must be 1 or 0/);
  });

  it('[CF4] memcached brings the pulse bus and needs a sealing key', () => {
    assert.deepEqual(configOf(CLOUD).bus, { backend: 'pulse' });
    assert.match(problemsOf({ LONGSHORE_CACHE: CLOUD.LONGSHORE_CACHE }).join(), /LONGSHORE_SECRET must be set/);
  });

  const caches: readonly (readonly [url: string, expected: unknown])[] = [
    ['memcached://h', { servers: [{ host: 'h', port: 11211 }] }],
    [
      'memcached://A:1,b:2',
      {
        servers: [
          { host: 'a', port: 1 },
          { host: 'b', port: 2 },
        ],
      },
    ],
    ['memcached://[::1]:9', { servers: [{ host: '::1', port: 9 }] }],
    [
      'memcached://u%40x:p%3A%2Fq@h:1,i',
      {
        servers: [
          { host: 'h', port: 1 },
          { host: 'i', port: 11211 },
        ],
        username: 'u@x',
        password: 'p:/q',
      },
    ],
  ];
  for (const [url, expected] of caches) {
    it(`[CF5] reads ${url}`, () => {
      assert.deepEqual(configOf({ ...CLOUD, LONGSHORE_CACHE: url }).cache, {
        backend: 'memcached',
        ...(expected as object),
      });
    });
  }

  const stores: readonly (readonly [name: 'LONGSHORE_STORE' | 'LONGSHORE_BLOBS', url: string, expected: unknown])[] = [
    ['LONGSHORE_STORE', 'memory:', { backend: 'memory' }],
    ['LONGSHORE_STORE', 'sqlite:/a b/c.db', { backend: 'sqlite', path: '/a b/c.db' }],
    ['LONGSHORE_STORE', 'sqlite:x.db', { backend: 'sqlite', path: resolve('x.db') }],
    ['LONGSHORE_STORE', 'datastore:', { backend: 'datastore' }],
    [
      'LONGSHORE_STORE',
      'datastore:p-1/db?namespace=n',
      { backend: 'datastore', projectId: 'p-1', databaseId: 'db', namespace: 'n' },
    ],
    ['LONGSHORE_STORE', 'datastore:?namespace=n', { backend: 'datastore', namespace: 'n' }],
    ['LONGSHORE_STORE', 'datastore:/db', { backend: 'datastore', databaseId: 'db' }],
    ['LONGSHORE_BLOBS', 'folder:/b', { backend: 'folder', path: '/b' }],
    ['LONGSHORE_BLOBS', 'gs://my-bucket', { backend: 'gcs', bucket: 'my-bucket', prefix: '' }],
    ['LONGSHORE_BLOBS', 'gs://my-bucket/a/b/', { backend: 'gcs', bucket: 'my-bucket', prefix: 'a/b' }],
  ];
  for (const [name, url, expected] of stores) {
    it(`[CF5] reads ${name}=${url}`, () => {
      const { store, blobs } = configOf({ [name]: url });
      assert.deepEqual(name === 'LONGSHORE_STORE' ? store : blobs, expected);
    });
  }

  it('[CF5] reads LONGSHORE_BUS=pubsub:…', () => {
    const busOf = (url: string) => configOf({ ...CLOUD, LONGSHORE_BUS: url }).bus;
    assert.deepEqual(busOf('pubsub:hints'), { backend: 'pubsub', topic: 'hints' });
    assert.deepEqual(busOf('pubsub:p-1/hints'), { backend: 'pubsub', projectId: 'p-1', topic: 'hints' });
  });

  const refused: readonly (readonly [name: string, value: string, why: RegExp])[] = [
    ['LONGSHORE_CACHE', 'redis://h', /memory: or memcached:/],
    ['LONGSHORE_CACHE', 'memcached:h', /memcached:\/\/HOST/],
    ['LONGSHORE_CACHE', 'memcached://', /HOST or HOST:PORT/],
    ['LONGSHORE_CACHE', 'memcached://h:0', /HOST or HOST:PORT/],
    ['LONGSHORE_CACHE', 'memcached://h:70000', /HOST or HOST:PORT/],
    ['LONGSHORE_CACHE', 'memcached://h,H:11211', /twice/],
    ['LONGSHORE_CACHE', 'memcached://u@h', /USER:PASSWORD/],
    ['LONGSHORE_STORE', 'sqlite:', /path/],
    ['LONGSHORE_STORE', 'datastore:a/b/c', /datastore:/],
    ['LONGSHORE_STORE', 'mysql:', /sqlite:PATH/],
    ['LONGSHORE_BLOBS', 'gs://', /gs:\/\/BUCKET/],
    ['LONGSHORE_BLOBS', 'gs://bucket/../x', /prefix/],
    ['LONGSHORE_BLOBS', 'memory:', /folder:PATH/],
    ['LONGSHORE_BUS', 'pubsub:topic', /only with memcached/],
    ['LONGSHORE_BUS', 'pubsub:', /pubsub:\[PROJECT\/\]TOPIC/],
    ['LONGSHORE_BUS', 'pubsub:ab', /3 to 255/],
    ['LONGSHORE_BUS', 'pubsub:google-hints', /pubsub:\[PROJECT\/\]TOPIC/],
    ['LONGSHORE_BUS', 'pubsub:a/b/topic', /pubsub:\[PROJECT\/\]TOPIC/],
    ['LONGSHORE_BUS', 'nats:', /memory:, pulse: or pubsub:/],
    ['LONGSHORE_BUS', 'pulse:', /only with memcached/],
    ['LONGSHORE_SECRET', 'short', /16 random characters/],
    ['LONGSHORE_SECRET', 'please-change-me-soon', /random/],
    ['LONGSHORE_SECRET', `${KEY},short`, /16 random characters/],
    ['LONGSHORE_INTERNAL_SECRET', 'x', /16 random characters/],
    ['LONGSHORE_CACHE_PASSWORD', 'x', /without memcached/],
    ['PORT', '80a', /0 to 65535/],
    ['PORT', '65536', /0 to 65535/],
    ['LONGSHORE_PERSIST_MS', '99', /100 to 600000/],
    ['LONGSHORE_PICTURE_ALL_MS', '599999', /600000 to/],
    ['LONGSHORE_PICTURE_HOURLY_MS', '1e9', /600000 to/],
    ['LONGSHORE_INDEX_SHARDS', '65', /1 to 64/],
    ['LONGSHORE_ALLOWED_ORIGINS', '*', /origins/],
    ['LONGSHORE_ALLOWED_ORIGINS', 'https://a.example/', /origins/],
    ['LONGSHORE_ALLOWED_ORIGINS', 'https://a.example,null', /origins/],
    ['LONGSHORE_HOST', 'a b', /address/],
    ['LONGSHORE_LOG_LEVEL', 'loud', /debug/],
  ];
  for (const [name, value, why] of refused) {
    it(`[CF6] refuses ${name}=${value} and says what is allowed`, () => {
      const problems = problemsOf({ [name]: value });
      assert.equal(problems.length, 1, problems.join());
      assert.match(String(problems[0]), why);
      assert.ok(problems[0]?.startsWith('LONGSHORE_') || problems[0]?.startsWith('PORT'));
    });
  }

  it('[CF7] reports every problem at once, a flag by its own name', () => {
    const problems = problemsOf(
      { LONGSHORE_CACHE: 'memcached://h', LONGSHORE_STORE: 'x:' },
      { port: '-1', dataDir: '/d' },
    );
    assert.equal(problems.length, 3, problems.join('\n'));
    assert.match(problems.join('\n'), /LONGSHORE_STORE .*\n--port .*\nLONGSHORE_SECRET /);
  });

  it('[CF8] never shows a secret', () => {
    const secrets = ['sealing-key-number-one', 'sealing-key-number-two', 'internal-key-number-1', 'cache-password'];
    const env = {
      LONGSHORE_CACHE: `memcached://user:${secrets[3]}@h`,
      LONGSHORE_SECRET: `${secrets[0]},${secrets[1]}`,
      LONGSHORE_INTERNAL_SECRET: String(secrets[2]),
    };
    const shown = JSON.stringify(describeConfig(configOf(env)));
    for (const secret of secrets) assert.ok(!shown.includes(secret), shown);
    assert.match(shown, /"password":"\[set\]"/);
    for (const bad of ['memcached://user:hunter2@h h', 'memcached://user:hunter2%@h']) {
      assert.doesNotMatch(problemsOf({ LONGSHORE_CACHE: bad, LONGSHORE_SECRET: 'hunter2' }).join(), /hunter2/);
    }
  });

  it('[CF9] warns of settings it does not know, and of an address that others reach', () => {
    const outcome = parseConfig({
      LONGSHORE_CAHCE: 'memory:',
      LONGSHORE_HOST: '0.0.0.0',
      LONGSHORE_ALLOW_ANONYMOUS: '1',
    });
    assert.ok(outcome.ok);
    assert.match(outcome.warnings.join('\n'), /LONGSHORE_CAHCE is not a setting.*\n.*no sign-in/);
    assert.deepEqual(parseConfig({ LONGSHORE_URL: 'x', LONGSHORE_TOKEN: 'y' }), {
      ok: true,
      config: configOf({}),
      warnings: [],
    });
  });
});
