import { createMemoryStore } from '../../../src/backends/store/memory.ts';
import { storeContract } from '../../contracts/store.ts';

describe('memory store', () => {
  storeContract(async () => {
    const store = createMemoryStore();
    return { store, other: store, openAnother: async () => createMemoryStore(), close: () => store.close() };
  });
});
