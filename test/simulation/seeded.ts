export { Seeded } from '../../src/base/seeded.ts';
