import assert from 'node:assert/strict';
import { hashApiKey, makeApiKey } from '../../src/auth/api-keys.ts';
import { type Caller, NotIdentified } from '../../src/auth/caller.ts';
import { Identities } from '../../src/auth/identities.ts';
import { iapIssuer } from '../../src/auth/issuers.ts';
import { grantsOf } from '../support/callers.ts';
import { FakeClock } from '../support/clocks.ts';
import { RecordedLog } from '../support/recorded-log.ts';
import { TokenIssuer } from '../support/token-issuer.ts';

const bearer = (token: string) => ['Authorization', `Bearer ${token}`];

describe('identities', () => {
  let source: TokenIssuer;
  let clock: FakeClock;

  beforeEach(async () => {
    source = await TokenIssuer.create();
    clock = new FakeClock();
  });

  const makeIdentities = (more: Partial<ConstructorParameters<typeof Identities>[0]> = {}) =>
    new Identities({ clock, log: new RecordedLog(), fetch: source.fetch, issuers: [source.issuer], ...more });

  const refused = async (find: () => Caller | Promise<Caller>, sent: boolean) => {
    await assert.rejects(
      async () => find(),
      (error) => error instanceof NotIdentified && error.sent === sent,
    );
  };

  it('[AU40] a token that was verified once is known at once, until it ends', async () => {
    const identities = makeIdentities();
    const headers = bearer(await source.sign());
    const first = identities.identify(headers);
    assert.ok(first instanceof Promise);
    const caller = await first;
    assert.equal(identities.identify(headers), caller);
    clock.advance(599_000);
    assert.equal(identities.identify(headers), caller);
    clock.advance(31_000);
    await refused(() => identities.identify(headers), true);
  });

  it('[AU40] a verification counts for 10 minutes, however long the token holds', async () => {
    const identities = makeIdentities();
    const headers = bearer(await source.sign({ exp: 1_700_000_000 + 86_400 }));
    await identities.identify(headers);
    clock.advance(599_000);
    assert.ok(!(identities.identify(headers) instanceof Promise));
    clock.advance(1_000);
    assert.ok(identities.identify(headers) instanceof Promise);
  });

  it('[AU40] many requests with one new token are one verification', async () => {
    const identities = makeIdentities();
    const headers = bearer(await source.sign());
    const found = Array.from({ length: 10 }, () => identities.identify(headers));
    const callers = await Promise.all(found);
    assert.equal(new Set(found).size, 1);
    assert.equal(new Set(callers).size, 1);
  });

  it('[AU40] a refused token is not remembered as good, nor kept', async () => {
    const identities = makeIdentities();
    const headers = bearer(`${(await source.sign()).slice(0, -4)}AAAA`);
    for (let i = 0; i < 2; i++) await refused(() => identities.identify(headers), true);
  });

  it('[AU41] without a token nobody is known; a token of no known issuer does not hold', async () => {
    const identities = makeIdentities();
    await refused(() => identities.identify([]), false);
    await refused(() => identities.identify(['Authorization', 'Basic YTpi']), false);
    const other = await TokenIssuer.create({ issuer: 'https://other.example' });
    for (const token of ['x', 'a.b.c', await other.sign()])
      await refused(() => identities.identify(bearer(token)), true);
    assert.equal(source.asked, 0);
  });

  it('[AU41] a token in the URL or a cookie is none', async () => {
    const token = await source.sign();
    await refused(
      () => makeIdentities().identify(['Cookie', `token=${token}`, 'X-Authorization', `Bearer ${token}`]),
      false,
    );
  });

  it('[AU42] a key is known by its hash, and has the rights of its entry', async () => {
    const { key, sha256 } = makeApiKey();
    assert.match(key, /^lsk_[A-Za-z0-9_-]{43}$/);
    assert.equal(hashApiKey(key).toString('hex'), sha256);
    const other = makeApiKey();
    const keys = [
      { name: 'ci', sha256: Buffer.from(sha256, 'hex'), spaces: grantsOf({ 'ci-*': 'rw' }) },
      { name: 'other', sha256: Buffer.from(other.sha256, 'hex'), spaces: [] },
    ];
    const identities = new Identities({ clock, log: new RecordedLog(), keys });
    const caller = identities.identify(bearer(key));
    assert.ok(!(caller instanceof Promise));
    assert.deepEqual([caller.subject, caller.grants], ['key:ci', grantsOf({ 'ci-*': 'rw' })]);
    assert.equal(identities.identify(bearer(key)), caller);
    for (const bad of [makeApiKey().key, `${key}x`, key.slice(0, -1), 'lsk_', sha256, key.toUpperCase()]) {
      await refused(() => identities.identify(bearer(bad)), true);
    }
  });

  it('[AU43] a mode that is not on takes nothing', async () => {
    const { key, sha256 } = makeApiKey();
    const keys = [{ name: 'ci', sha256: Buffer.from(sha256, 'hex'), spaces: [] }];
    const token = await source.sign();
    await refused(() => new Identities({ clock, log: new RecordedLog(), keys }).identify(bearer(token)), true);
    await refused(() => makeIdentities().identify(bearer(key)), true);
    const both = makeIdentities({ keys });
    assert.equal((await both.identify(bearer(token))).subject, 'app:ann');
    assert.equal((await both.identify(bearer(key))).subject, 'key:ci');
  });

  describe('behind IAP', () => {
    let iap: TokenIssuer;
    let identities: Identities;

    beforeEach(async () => {
      iap = await TokenIssuer.create(iapIssuer('/projects/7/apps/mine', []));
      identities = makeIdentities({ issuers: [iap.issuer], fetch: iap.fetch });
    });

    it('[AU44] its assertion decides, and a bad one is not made good by a token beside it', async () => {
      const assertion = await iap.sign();
      const header = 'X-Goog-IAP-JWT-Assertion';
      assert.equal((await identities.identify([header, assertion])).subject, 'iap:ann');
      await refused(() => identities.identify([header, 'x.y.z', ...bearer(assertion)]), true);
      await refused(() => identities.identify([header, assertion, header, assertion]), true);
    });

    it('[AU44] an assertion counts in its own header alone, and that header only where IAP is configured', async () => {
      await refused(async () => identities.identify(bearer(await iap.sign())), true);
      await refused(async () => makeIdentities().identify(['X-Goog-IAP-JWT-Assertion', await iap.sign()]), false);
    });

    it('[AU44] the plain headers of IAP are never believed', async () => {
      const plain = [
        'X-Goog-Authenticated-User-Email',
        'accounts.google.com:ann@example.com',
        'X-Goog-Authenticated-User-Id',
        '1',
      ];
      await refused(() => identities.identify(plain), false);
    });
  });
});
