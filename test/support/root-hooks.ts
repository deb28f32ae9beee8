import { stopBrowser } from './browser.ts';
import { stopDatastoreEmulator } from './datastore-emulator.ts';

/** What test files share is started by the first that asks, and stopped here after the last test of the run. */
export const mochaHooks = {
  async afterAll(): Promise<void> {
    await Promise.all([stopDatastoreEmulator(), stopBrowser()]);
  },
};
