import { PUBSUB_PROJECT, PubsubAdmin, startPubsubEmulator } from '../../test/support/pubsub-emulator.ts';

const TOPIC = 'hints';

export type RunningPubsub = { readonly host: string; readonly bus: string; readonly stop: () => Promise<void> };

/** The emulator with a topic, where there is one; else says what is missing. It is not pinned to a core. */
export async function startPubsub(): Promise<RunningPubsub | undefined> {
  const emulator = await startPubsubEmulator();
  if ('missing' in emulator) {
    console.log(`E.pubsub is left out: ${emulator.missing}\n`);
    return undefined;
  }
  const admin = new PubsubAdmin(emulator.host);
  await admin.createTopic(TOPIC);
  await admin.close();
  return { host: emulator.host, bus: `pubsub:${PUBSUB_PROJECT}/${TOPIC}`, stop: () => emulator.stop() };
}
