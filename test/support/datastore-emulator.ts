import { type JavaEmulator, type Missing, startJavaEmulator } from './java-emulator.ts';

/** Data sets are apart by project id: give each test file its own. */
export type DatastoreEmulator = JavaEmulator;

/** It reads its own writes, as the service does. */
export function startDatastoreEmulator(): Promise<DatastoreEmulator | Missing> {
  const main = 'com.google.cloud.datastore.emulator.CloudDatastore';
  return startJavaEmulator({
    name: 'Datastore',
    component: 'cloud-datastore-emulator',
    variable: 'DATASTORE_EMULATOR_JAR',
    folder: 'platform/cloud-datastore-emulator',
    jar: /^CloudDatastore\.jar$/,
    args: (jar, port) => ['-Xmx512m', '-cp', jar, main, 'start', '--host=127.0.0.1', `--port=${port}`, '--testing'],
  });
}

let shared: Promise<DatastoreEmulator | Missing> | undefined;

/** The one emulator of this run, started when first asked for. Root hooks stop it. */
export function sharedDatastoreEmulator(): Promise<DatastoreEmulator | Missing> {
  shared ??= startDatastoreEmulator();
  return shared;
}

export async function stopDatastoreEmulator(): Promise<void> {
  const emulator = await shared?.catch(() => undefined);
  shared = undefined;
  if (emulator !== undefined && 'stop' in emulator) await emulator.stop();
}
