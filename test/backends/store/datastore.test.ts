import { storeContract } from '../../contracts/store.ts';
import { sharedDatastoreEmulator } from '../../support/datastore-emulator.ts';
import { skipFor } from '../../support/need.ts';
import { newProject, openDatastore } from './fixtures.ts';

describe('Datastore store', function () {
  this.timeout(40_000);
  let host = '';

  before(async function () {
    const emulator = await sharedDatastoreEmulator();
    if ('missing' in emulator) skipFor(this, emulator.missing);
    host = emulator.host;
  });

  storeContract(async () => {
    const projectId = newProject();
    const store = openDatastore(host, { projectId });
    const other = openDatastore(host, { projectId });
    const close = async (): Promise<void> => {
      await Promise.all([store.close(), other.close()]);
    };
    return { store, other, openAnother: async () => openDatastore(host, { projectId, namespace: 'another' }), close };
  });
});
