import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { exportSPKI, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { NotIdentified } from '../../src/auth/caller.ts';
import { firebaseIssuer, iapIssuer, readPublicKey } from '../../src/auth/issuers.ts';
import { TokenVerifier } from '../../src/auth/tokens.ts';
import { ProblemError } from '../../src/protocol/errors.ts';
import { grantsOf, SECRET } from '../support/callers.ts';
import { FakeClock } from '../support/clocks.ts';
import { RecordedLog } from '../support/recorded-log.ts';
import { NOW_S, TokenIssuer, unsigned } from '../support/token-issuer.ts';

const secretKey = new TextEncoder().encode(SECRET);

describe('tokens', () => {
  let source: TokenIssuer;
  let clock: FakeClock;
  let log: RecordedLog;
  let verifier: TokenVerifier;

  beforeEach(async () => {
    source = await TokenIssuer.create();
    clock = new FakeClock();
    log = new RecordedLog();
    verifier = new TokenVerifier(source.issuer, { clock, log, fetch: source.fetch });
  });

  const refused = (promise: Promise<unknown>, why: RegExp) =>
    assert.rejects(promise, (error) => {
      assert.ok(error instanceof NotIdentified, String(error));
      assert.match(error.problem.detail, why);
      return error.sent;
    });

  it('[AU30] a good token gives its subject, its rights, and its end', async () => {
    const caller = await verifier.identify(await source.sign({ spaces: { 'demo-*': 'rw' } }));
    assert.deepEqual(
      [caller.subject, caller.grants, caller.untilMs],
      ['app:ann', grantsOf({ 'demo-*': 'rw' }), (NOW_S + 630) * 1_000],
    );
  });

  it('[AU30] what the issuer grants to everybody comes with what the token says', async () => {
    const issuer = { ...source.issuer, spaces: grantsOf({ lobby: 'r' }) };
    const own = new TokenVerifier(issuer, { clock, log, fetch: source.fetch });
    assert.deepEqual((await own.identify(await source.sign())).grants, grantsOf({ lobby: 'r' }));
    const both = await own.identify(await source.sign({ spaces: { x: 'rw' } }));
    assert.deepEqual(both.grants, grantsOf({ lobby: 'r', x: 'rw' }));
  });

  const claims: readonly (readonly [what: string, claims: JWTPayload, why: RegExp])[] = [
    ['of another issuer', { iss: 'https://other.example' }, /claim iss/],
    ['without issuer', { iss: undefined }, /claim iss .* missing/],
    ['for another audience', { aud: 'other' }, /claim aud/],
    ['without audience', { aud: undefined }, /claim aud .* missing/],
    ['that has expired', { exp: NOW_S - 31 }, /expired/],
    ['without an end', { exp: undefined }, /claim exp .* missing/],
    ['that is not valid yet', { nbf: NOW_S + 31 }, /not valid yet/],
    ['without subject', { sub: undefined }, /claim sub .* missing/],
    ['with an empty subject', { sub: '' }, /claim sub .* empty/],
    ['with a blank subject', { sub: '  ' }, /claim sub .* empty/],
    ['with spaces of no form', { spaces: { 'a*b': 'r' } }, /claim spaces/],
    ['with spaces that are text', { spaces: 'demo' }, /claim spaces/],
  ];
  for (const [what, wrong, why] of claims) {
    it(`[AU31] a token ${what} is refused`, async () => refused(verifier.identify(await source.sign(wrong)), why));
  }

  it('[AU31] the subject has to be text', async () => {
    const token = await source.sign({ sub: 7 as unknown as string });
    await refused(verifier.identify(token), /sub|not valid/);
  });

  it('[AU32] clocks may be 30 s apart', async () => {
    for (const near of [{ exp: NOW_S - 29 }, { nbf: NOW_S + 30 }]) {
      assert.equal((await verifier.identify(await source.sign(near))).subject, 'app:ann');
    }
    clock.advance(1_000_000);
    await refused(verifier.identify(await source.sign()), /expired/);
  });

  it('[AU33] a token without signature is refused, whatever it says of itself', async () => {
    const payload = { iss: source.issuer.issuer, aud: 'longshore', sub: 'ann', exp: NOW_S + 60 };
    await refused(verifier.identify(unsigned(payload)), /./);
    const [head, body] = (await source.sign()).split('.');
    await refused(verifier.identify(`${head}.${body}.`), /signature|not valid/);
    await refused(verifier.identify(`${head}.${body}.${'A'.repeat(86)}`), /signature/);
  });

  it('[AU33] an algorithm that the issuer does not have is refused before any key is asked for', async () => {
    const token = await new SignJWT({}).setProtectedHeader({ alg: 'HS256' }).sign(secretKey);
    await refused(verifier.identify(token), /signed with ES256/);
    assert.equal(source.asked, 0);
  });

  it('[AU33] a public key is never taken for a shared secret', async () => {
    const { publicKey } = await generateKeyPair('RS256', { extractable: true });
    const pem = await exportSPKI(publicKey);
    const read = readPublicKey(pem);
    assert.ok(read !== undefined);
    assert.ok(read.algorithms.every((name) => /^[RP]S/.test(name)));
    const issuer = { ...source.issuer, key: { source: 'public', key: read.key } as const };
    const forged = await new SignJWT({ sub: 'ann' })
      .setProtectedHeader({ alg: 'HS256' })
      .setIssuer(issuer.issuer)
      .setAudience('longshore')
      .setExpirationTime(NOW_S + 60)
      .sign(new TextEncoder().encode(pem));
    for (const algorithms of [['RS256'], ['RS256', 'HS256']]) {
      const lenient = new TokenVerifier({ ...issuer, algorithms }, { clock, log });
      await refused(lenient.identify(forged), /./);
    }
  });

  it('[AU34] a key that a token brings or points at is never looked at', async () => {
    const thief = await TokenIssuer.create();
    const jwk = thief.jwks.keys[0];
    const urls = { jku: 'https://evil.example/keys', x5u: 'https://evil.example/cert' };
    for (const header of [{ jwk }, urls, { ...urls, jwk, kid: 'k1' }]) {
      await refused(verifier.identify(await thief.sign({}, header)), /signature/);
    }
    assert.equal(thief.asked, 0);
    assert.equal(source.asked, 1);
  });

  it('[AU35] keys are fetched once; unknown names do not make us ask again at once', async () => {
    for (let i = 0; i < 5; i++) await verifier.identify(await source.sign());
    assert.equal(source.asked, 1);
    for (let i = 0; i < 5; i++)
      await refused(verifier.identify(await source.sign({}, { kid: `new-${i}` })), /no such key/);
    assert.equal(source.asked, 1);
  });

  it('[AU36] while keys cannot be fetched the answer is 503 with a hint, and the issuer is left alone', async () => {
    const bad = [
      () => Response.json({}, { status: 500 }),
      () => Promise.reject(new TypeError('fetch failed')),
      () => new Response('no json'),
      () => Response.json({ keys: 'none' }),
    ];
    for (const broken of bad) {
      source.broken = broken;
      const asked = source.asked;
      for (let i = 0; i < 3; i++) {
        await assert.rejects(verifier.identify(await source.sign()), (error) => {
          assert.ok(error instanceof ProblemError && !(error instanceof NotIdentified));
          return error.problem.code === 'identityUnavailable' && error.problem.retryAfterMs === 2_000;
        });
      }
      assert.equal(source.asked, asked + 1);
      clock.advance(2_000);
    }
    assert.equal(log.count('the keys of an issuer cannot be fetched'), bad.length);
    source.broken = undefined;
    assert.equal((await verifier.identify(await source.sign())).subject, 'app:ann');
  });

  it('[AU37] a PEM key and a shared secret need no fetching', async () => {
    const { publicKey, privateKey } = await generateKeyPair('EdDSA', { extractable: true });
    const read = readPublicKey(await exportSPKI(publicKey));
    assert.ok(read !== undefined);
    const pem = { ...source.issuer, algorithms: read.algorithms, key: { source: 'public', key: read.key } as const };
    const shared = { ...source.issuer, algorithms: ['HS256'], key: { source: 'secret', secret: SECRET } as const };
    const make = (alg: string) =>
      new SignJWT({ sub: 'ann', iss: pem.issuer, aud: 'longshore', exp: NOW_S + 60 }).setProtectedHeader({ alg });
    const options = { clock, log, fetch: source.fetch };
    const signed = await make('EdDSA').sign(privateKey);
    assert.equal((await new TokenVerifier(pem, options).identify(signed)).subject, 'app:ann');
    const sealed = await make('HS256').sign(secretKey);
    assert.equal((await new TokenVerifier(shared, options).identify(sealed)).subject, 'app:ann');
    const wrong = await make('HS256').sign(new TextEncoder().encode(`${SECRET}x`));
    await refused(new TokenVerifier(shared, options).identify(wrong), /signature/);
    assert.equal(source.asked, 0);
  });

  it('[AU37] a private key, a short one, or none is no public key', () => {
    const spki = { type: 'spki', format: 'pem' } as const;
    const short = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export(spki);
    const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const [open, hidden] = [ec.publicKey.export(spki), ec.privateKey.export({ type: 'pkcs8', format: 'pem' })];
    assert.deepEqual(readPublicKey(String(open))?.algorithms, ['ES256']);
    for (const text of [short, hidden, '', 'x', open.slice(0, 60)]) {
      assert.equal(readPublicKey(String(text)), undefined);
    }
  });

  it('[AU38] Firebase: project as issuer and audience, and auth_time in the past', async () => {
    const firebase = await TokenIssuer.create(firebaseIssuer('my-project', []), 'RS256');
    const { issuer, audiences, algorithms, key } = firebase.issuer;
    assert.deepEqual([issuer, audiences], ['https://securetoken.google.com/my-project', ['my-project']]);
    assert.deepEqual([algorithms, key.source], [['RS256'], 'jwks']);
    const own = new TokenVerifier(firebase.issuer, { clock, log, fetch: firebase.fetch });
    assert.equal((await own.identify(await firebase.sign({ auth_time: NOW_S - 5 }))).subject, 'firebase:ann');
    await refused(own.identify(await firebase.sign({ auth_time: NOW_S + 31 })), /auth_time/);
    await refused(own.identify(await firebase.sign()), /auth_time/);
  });

  it('[AU39] IAP: ES256, its own issuer, and the audience as configured', async () => {
    const iap = await TokenIssuer.create(iapIssuer('/projects/7/apps/mine', []));
    assert.deepEqual([iap.issuer.issuer, iap.issuer.algorithms], ['https://cloud.google.com/iap', ['ES256']]);
    const own = new TokenVerifier(iap.issuer, { clock, log, fetch: iap.fetch });
    const sub = 'accounts.google.com:112233';
    assert.equal((await own.identify(await iap.sign({ sub }))).subject, `iap:${sub}`);
    await refused(own.identify(await iap.sign({ sub, aud: '/projects/8/apps/mine' })), /claim aud/);
  });

  it('[AU33] no text that is not a token passes, or makes the check fail otherwise', async () => {
    const part = fc.oneof(
      fc.base64String(),
      fc.string(),
      fc.json().map((text) => Buffer.from(text).toString('base64url')),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(part, { maxLength: 5 }), async (parts) => {
        await assert.rejects(verifier.identify(parts.join('.')), NotIdentified);
      }),
      { numRuns: 200 },
    );
    const good = await source.sign();
    await fc.assert(
      fc.asyncProperty(fc.nat(good.length - 3), fc.base64String({ minLength: 4 }), async (at, text) => {
        const letter = text[0] === good[at] || text[0] === '+' || text[0] === '/' ? '!' : String(text[0]);
        await assert.rejects(verifier.identify(good.slice(0, at) + letter + good.slice(at + 1)), NotIdentified);
      }),
      { numRuns: 100 },
    );
  });
});
