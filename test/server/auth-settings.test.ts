import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeApiKey } from '../../src/auth/api-keys.ts';
import { describeConfig } from '../../src/server/config.ts';
import { grantsOf, SECRET } from '../support/callers.ts';
import { configOf, type Env, problemsOf } from '../support/parsed-config.ts';
import { Folder } from '../support/server-process.ts';

const PEM = String(
  generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'pem' }),
);
const HASH = makeApiKey().sha256;
const APP = { name: 'app', issuer: 'https://i.example', audience: 'longshore', jwksUrl: 'https://i.example/keys' };
const KEY = { name: 'ci', sha256: HASH, spaces: { 'ci-*': 'rw' } };
const issuers = (...list: unknown[]): Env => ({ LONGSHORE_AUTH: 'jwt', LONGSHORE_ISSUERS: JSON.stringify(list) });
const keys = (...list: unknown[]): Env => ({ LONGSHORE_AUTH: 'key', LONGSHORE_API_KEYS: JSON.stringify(list) });

describe('settings of identity', () => {
  it('[AU2] nobody is asked who they are unless told so, on loopback', () => {
    for (const host of ['127.0.0.1', '127.1.2.3', '::1', 'localhost']) {
      assert.deepEqual(configOf({ LONGSHORE_HOST: host }).auth.modes, [], host);
    }
    assert.deepEqual(configOf({ LONGSHORE_AUTH: 'none' }).auth.modes, []);
  });

  it('[AU2] where others reach the server it does not start without identities, unless that is said', () => {
    const places: Env[] = [
      { LONGSHORE_HOST: '0.0.0.0' },
      { LONGSHORE_HOST: '10.0.0.1' },
      { GAE_ENV: 'standard' },
      { K_SERVICE: 'x' },
    ];
    const silent: Env[] = [{}, { LONGSHORE_AUTH: 'none' }, { LONGSHORE_ALLOW_ANONYMOUS: '0' }];
    for (const env of places) {
      for (const auth of silent) {
        const problems = problemsOf({ ...env, ...auth });
        assert.equal(problems.length, 1, JSON.stringify([env, auth]));
        assert.match(
          String(problems[0]),
          /^LONGSHORE_AUTH must be jwt or key.*LONGSHORE_ALLOW_ANONYMOUS=1 or --allow-anonymous/,
        );
      }
      assert.deepEqual(problemsOf({ ...env, LONGSHORE_ALLOW_ANONYMOUS: '1' }), []);
      assert.deepEqual(problemsOf(env as Env, { allowAnonymous: '1' }), []);
      assert.deepEqual(problemsOf({ ...env, ...keys(KEY) }), []);
    }
  });

  it('[AU1] modes may be combined', () => {
    const both = { ...issuers(APP), ...keys(KEY), LONGSHORE_AUTH: 'jwt,key' };
    const { modes, issuers: found, keys: held } = configOf(both).auth;
    assert.deepEqual([modes, found.length, held.length], [['jwt', 'key'], 1, 1]);
    assert.deepEqual(configOf({ LONGSHORE_JWT_SECRET: SECRET }, { auth: 'jwt' }).auth.modes, ['jwt']);
  });

  it('[AU3] issuers are read: key set, PEM, secret, and the presets', () => {
    const list = [
      APP,
      {
        ...APP,
        name: 'pem',
        issuer: 'pem',
        jwksUrl: undefined,
        publicKey: PEM,
        audience: ['a', 'b'],
        spaces: { lobby: 'r' },
      },
      { ...APP, name: 'sealed', issuer: 's', jwksUrl: undefined, secret: SECRET, algorithms: ['HS512'] },
      { preset: 'firebase', project: 'my-project', spaces: { '*': 'r' } },
      { preset: 'iap', audience: '/projects/7/apps/mine' },
    ];
    const found = configOf(issuers(...list)).auth.issuers;
    assert.deepEqual(
      found.map(({ name, algorithms, key, iap }) => [name, algorithms, key.source, iap]),
      [
        ['app', ['RS256', 'ES256'], 'jwks', false],
        ['pem', ['ES256'], 'public', false],
        ['sealed', ['HS512'], 'secret', false],
        ['firebase', ['RS256'], 'jwks', false],
        ['iap', ['ES256'], 'jwks', true],
      ],
    );
    assert.deepEqual(found.map(({ audiences }) => audiences)[1], ['a', 'b']);
    assert.deepEqual(found.map(({ spaces }) => spaces)[1], grantsOf({ lobby: 'r' }));
  });

  it('[AU3] a secret alone lets in what `longshore token mint` makes', () => {
    const [issuer] = configOf({ LONGSHORE_AUTH: 'jwt', LONGSHORE_JWT_SECRET: SECRET }).auth.issuers;
    assert.deepEqual([issuer?.issuer, issuer?.audiences, issuer?.algorithms], ['longshore', ['longshore'], ['HS256']]);
  });

  it('[AU3] lists may lie in files', () => {
    const folder = new Folder();
    try {
      const [path, bad] = [join(folder.path, 'keys.json'), join(folder.path, 'bad.json')];
      writeFileSync(path, JSON.stringify([KEY]));
      writeFileSync(bad, 'hunter2');
      const [key] = configOf({ LONGSHORE_AUTH: 'key', LONGSHORE_API_KEYS: path }).auth.keys;
      assert.deepEqual([key?.name, key?.sha256.toString('hex'), key?.spaces], ['ci', HASH, grantsOf(KEY.spaces)]);
      const [problem] = problemsOf({ LONGSHORE_AUTH: 'key', LONGSHORE_API_KEYS: bad });
      assert.match(String(problem), /^LONGSHORE_API_KEYS names a file that is not JSON$/);
      assert.match(
        problemsOf({ LONGSHORE_AUTH: 'key', LONGSHORE_API_KEYS: '/nowhere' }).join(),
        /can be read \(ENOENT\)/,
      );
    } finally {
      folder.remove();
    }
  });

  const refused: readonly (readonly [what: string, env: Env, why: RegExp])[] = [
    ['an unknown mode', { LONGSHORE_AUTH: 'basic' }, /LONGSHORE_AUTH must be none, or a comma list/],
    ['a mode twice', { ...keys(KEY), LONGSHORE_AUTH: 'key,key' }, /LONGSHORE_AUTH must be none/],
    ['none beside another', { ...keys(KEY), LONGSHORE_AUTH: 'none,key' }, /cannot have none beside/],
    ['jwt without issuers', { LONGSHORE_AUTH: 'jwt' }, /LONGSHORE_ISSUERS .* must be set/],
    ['key without keys', { LONGSHORE_AUTH: 'key' }, /LONGSHORE_API_KEYS must be set/],
    ['keys that no mode reads', { LONGSHORE_API_KEYS: JSON.stringify([KEY]) }, /does not name key/],
    ['issuers that no mode reads', { ...issuers(APP), LONGSHORE_AUTH: 'none' }, /does not name jwt/],
    [
      'anonymous beside a mode',
      { ...keys(KEY), LONGSHORE_ALLOW_ANONYMOUS: '1' },
      /LONGSHORE_ALLOW_ANONYMOUS has no use/,
    ],
    ['a switch that is none', { LONGSHORE_ALLOW_ANONYMOUS: 'yes' }, /must be 1 or 0/],
    ['a short secret', { LONGSHORE_AUTH: 'jwt', LONGSHORE_JWT_SECRET: 'short-but-real-1234' }, /at least 32 random/],
    ['the sample secret', { LONGSHORE_AUTH: 'jwt', LONGSHORE_JWT_SECRET: `${SECRET}-change-me` }, /random/],
    ['issuers that are not JSON', { LONGSHORE_AUTH: 'jwt', LONGSHORE_ISSUERS: '[{' }, /is not JSON$/],
    ['no issuers', issuers(), /at least one element/],
    ['an issuer of no form', issuers(7), /\[0\]/],
    ['an issuer without keys', issuers({ ...APP, jwksUrl: undefined }), /exactly one of jwksUrl, publicKey and secret/],
    ['an issuer with two', issuers({ ...APP, secret: SECRET }), /exactly one of/],
    ['plain http', issuers({ ...APP, jwksUrl: 'http://i.example/keys' }), /https:\/\//],
    ['no audience', issuers({ ...APP, audience: undefined }), /\[0\]\.audience/],
    ['HS256 with a key set', issuers({ ...APP, algorithms: ['HS256'] }), /cannot take HS256/],
    ['none as algorithm', issuers({ ...APP, algorithms: ['none'] }), /cannot take none/],
    [
      'RS256 with a secret',
      issuers({ ...APP, jwksUrl: undefined, secret: SECRET, algorithms: ['RS256'] }),
      /cannot take RS256/,
    ],
    [
      'RS256 with P-256',
      issuers({ ...APP, jwksUrl: undefined, publicKey: PEM, algorithms: ['RS256'] }),
      /cannot take RS256/,
    ],
    ['a PEM that is none', issuers({ ...APP, jwksUrl: undefined, publicKey: 'x' }), /publicKey in PEM/],
    ['an unknown field', issuers({ ...APP, leeway: 5 }), /leeway/],
    ['an unknown preset', issuers({ preset: 'auth0' }), /unknown preset/],
    ['a bad audience of IAP', issuers({ preset: 'iap', audience: 'mine' }), /\/projects\/NUMBER\//],
    ['the name of the keys', issuers({ ...APP, name: 'key' }), /name key/],
    ['one name twice', issuers(APP, { ...APP, issuer: 'other' }), /app twice/],
    ['one issuer twice', issuers(APP, { ...APP, name: 'b' }), /one issuer under two names/],
    ['rights of no form', issuers({ ...APP, spaces: { 'a*b': 'r' } }), /\[0\]\.spaces must map/],
    ['a hash of no form', keys({ ...KEY, sha256: 'x' }), /\[0\]\.sha256 must be 64/],
    ['a key without rights', keys({ name: 'ci', sha256: HASH }), /\[0\]\.spaces/],
    ['one key twice', keys(KEY, { ...KEY, name: 'b' }), /one key under two names/],
    ['an audience without accounts', { LONGSHORE_INTERNAL_AUDIENCE: 'https://x' }, /must be set together/],
    [
      'accounts of no form',
      { LONGSHORE_INTERNAL_ACCOUNTS: 'me', LONGSHORE_INTERNAL_AUDIENCE: 'x' },
      /e-mail addresses/,
    ],
    ['one port for both', { PORT: '8080', LONGSHORE_INTERNAL_PORT: '8080' }, /another port/],
  ];
  for (const [what, env, why] of refused) {
    it(`[AU3] refuses ${what}`, () => {
      const problems = problemsOf(env);
      assert.equal(problems.length, 1, problems.join('\n'));
      assert.match(String(problems[0]), why);
    });
  }

  it('[AU3] tells everything that is wrong with a list at once', () => {
    const [problem] = problemsOf(issuers({ ...APP, audience: 7, name: 'A B' }, APP, { ...APP, jwksUrl: 'x' }));
    assert.match(String(problem), /\[0\]\.name .*\[0\]\.audience .*\[2\] /);
  });

  it('[AU3] shows names, never a secret', () => {
    const env = { ...issuers({ ...APP, jwksUrl: undefined, secret: SECRET }), ...keys(KEY), LONGSHORE_AUTH: 'jwt,key' };
    const shown = JSON.stringify(describeConfig(configOf({ ...env, LONGSHORE_JWT_SECRET: `${SECRET}-2` })));
    assert.match(shown, /"issuers":\["app","dev"\],"keys":\["ci"\]/);
    assert.ok(!shown.includes(SECRET) && !shown.includes(HASH), shown);
    for (const bad of [
      `[{"secret":"${SECRET}"`,
      JSON.stringify([{ ...APP, secret: SECRET }]),
      JSON.stringify([{ secret: 7, x: SECRET }]),
    ]) {
      assert.ok(!problemsOf({ LONGSHORE_AUTH: 'jwt', LONGSHORE_ISSUERS: bad }).join().includes(SECRET));
    }
  });
});
