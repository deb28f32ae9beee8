import { existsSync } from 'node:fs';
import { doctorRowKey, ownerRowKey } from '../../model/keys.ts';
import type { IndexedKind, Store, StoreIndex, StoreRecord } from '../../ports/store.ts';
import { openStore, type SystemParts } from '../backends.ts';
import type { Config } from '../config.ts';
import { identify } from '../identify.ts';
import { decodeOwner } from '../owner.ts';
import { type Finding, fail, messageOf, ok, warn } from './findings.ts';

/** Every query that the server asks. */
const QUERIES: readonly (readonly [index: StoreIndex, kind: IndexedKind])[] = [
  ['open', 'item'],
  ['due', 'item'],
  ['cover', 'item'],
  ['tomb', 'item'],
  ['due', 'client'],
  ['due', 'ops'],
  ['due', 'expiry'],
];
const INDEX_FIX = 'deploy the indexes (gcloud datastore indexes create index.yaml) and wait until they are built';

/** The store: that it can be read, written and queried, and who owns it. */
export async function examineStore(config: Config, parts: SystemParts): Promise<Finding[]> {
  const { store: choice } = config;
  if (choice.backend === 'memory') return [ok('store', 'in this process: nothing outlives it')];
  if (choice.backend === 'sqlite' && !existsSync(choice.path))
    return [ok('store', `${choice.path} will be made by the first start`)];
  let store: Store;
  try {
    store = await openStore(config, parts);
  } catch (error) {
    return [describeClosed(config, error)];
  }
  try {
    const findings = [await examineWrites(store, config, parts)];
    if (findings[0]?.level === 'ok')
      findings.push(await examineQueries(store), await examineOwner(store, config, parts));
    return findings;
  } finally {
    await store.close();
  }
}

/** Reads, writes and deletes a record that nobody else looks at, other doctors neither. */
export async function examineWrites(
  store: Pick<Store, 'transact' | 'read'>,
  config: Config,
  { random }: Pick<SystemParts, 'random'>,
): Promise<Finding> {
  const key = doctorRowKey(random.id());
  try {
    const began = performance.now();
    await store.transact([key], () => ({
      changes: [{ key, record: { data: '1 {}', indexes: {} } }],
      result: undefined,
    }));
    const took = performance.now() - began;
    let record: StoreRecord | undefined;
    try {
      [record] = await store.read([key]);
    } finally {
      await store.transact([key], () => ({ changes: [{ key, record: 'delete' }], result: undefined }));
    }
    if (record === undefined)
      return fail('store', 'a record just written is not there', 'an emulator needs --consistency=1.0');
    return ok('store', `${describe(config)} can be read and written, ${took.toFixed(0)} ms for a write`);
  } catch (error) {
    return describeClosed(config, error);
  }
}

async function examineQueries(store: Store): Promise<Finding> {
  try {
    for (const [index, kind] of QUERIES) await store.query(index, ' ', '~', 1, kind);
    await store.spaces('', 1);
    await store.list('#doctor', 'item', '', 1);
    return ok('indexes', `all ${QUERIES.length + 2} queries are answered`);
  } catch (error) {
    return fail('indexes', messageOf(error), INDEX_FIX);
  }
}

async function examineOwner(store: Store, config: Config, { clock }: SystemParts): Promise<Finding> {
  const [record] = await store.read([ownerRowKey()]);
  if (record === undefined) return ok('owner', 'nobody has owned this store yet');
  const { fingerprint, untilMs } = decodeOwner(record.data);
  const leftMs = untilMs - clock.now();
  if (fingerprint === identify(config, '').fingerprint) return ok('owner', 'servers with these settings own the store');
  if (leftMs <= 0) return ok('owner', 'the lease of the last owner has ended');
  const detail = `another deployment, or one with other cache servers or shards, owns the store for ${Math.ceil(leftMs / 1_000)} s more`;
  return fail(
    'owner',
    detail,
    'use the LONGSHORE_CACHE and LONGSHORE_INDEX_SHARDS of the others, or stop them and wait',
  );
}

function describe({ store, projectId, datastoreEmulator }: Config): string {
  if (store.backend !== 'datastore') return store.backend === 'sqlite' ? store.path : 'memory';
  const place = store.projectId ?? projectId ?? "the credentials' project";
  return `datastore ${place}${datastoreEmulator === undefined ? '' : ` (emulator at ${datastoreEmulator})`}`;
}

function describeClosed(config: Config, error: unknown): Finding {
  const detail = messageOf(error);
  if (config.store.backend === 'sqlite') {
    if (/in use by another process/.test(detail)) {
      return warn(
        'store',
        detail,
        'a server is running on it: its /readyz tells more; to examine the file itself, stop it first',
      );
    }
    return fail('store', detail, 'let this user write to it, or name another file with LONGSHORE_STORE');
  }
  const fix =
    config.datastoreEmulator === undefined
      ? 'credentials: gcloud auth application-default login, or a service account with roles/datastore.user; project: LONGSHORE_STORE=datastore:PROJECT'
      : 'start the emulator, or take DATASTORE_EMULATOR_HOST out of the environment';
  return fail('store', `${describe(config)}: ${detail}`, fix);
}
