import { PubSub } from '@google-cloud/pubsub';
import { eventually } from '../system/calls.ts';
import { type JavaEmulator, type Missing, startJavaEmulator } from './java-emulator.ts';

/** Topics are apart by project id and name: give each test its own. */
export function startPubsubEmulator(): Promise<JavaEmulator | Missing> {
  return startJavaEmulator({
    name: 'Pub/Sub',
    component: 'pubsub-emulator',
    variable: 'PUBSUB_EMULATOR_JAR',
    folder: 'platform/pubsub-emulator/lib',
    jar: /^cloud-pubsub-emulator-.*-all\.jar$/,
    args: (jar, port) => ['-Xmx256m', '-jar', jar, '--host=127.0.0.1', `--port=${port}`],
  });
}

export const PUBSUB_PROJECT = 'longshore-test';

/** What an operator does to Pub/Sub, and sees in it. */
export class PubsubAdmin {
  readonly #client: PubSub;

  constructor(host: string) {
    this.#client = new PubSub({
      projectId: PUBSUB_PROJECT,
      apiEndpoint: host,
      // Otherwise the library looks for credentials to learn this from, over the network.
      clientOptions: { universeDomain: 'googleapis.com' },
    });
  }

  /** Also right after the emulator was started again, when the connection is not back yet. */
  async createTopic(topic: string): Promise<void> {
    await eventually(`there is a topic ${topic}`, async () => {
      try {
        await this.#client.createTopic(topic);
        return true;
      } catch (error) {
        if (error instanceof Error && /UNAVAILABLE/.test(error.message)) return undefined;
        throw error;
      }
    });
  }

  async deleteTopic(topic: string): Promise<void> {
    await this.#client.topic(topic).delete();
  }

  /** Names of the subscriptions to the topic, without their paths. */
  async subscriptions(topic: string): Promise<string[]> {
    const [found] = await this.#client.topic(topic).getSubscriptions();
    return found.map(({ name }) => name.split('/').at(-1) ?? '');
  }

  /** As the service describes it. */
  async describe(subscription: string) {
    const [metadata] = await this.#client.subscription(subscription).getMetadata();
    return metadata;
  }

  async deleteSubscription(subscription: string): Promise<void> {
    await this.#client.subscription(subscription).delete();
  }

  async publish(topic: string, data: Buffer): Promise<void> {
    await this.#client.topic(topic).publishMessage({ data });
  }

  close(): Promise<void> {
    return this.#client.close();
  }
}
