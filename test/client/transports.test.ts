import { clientTransportContract } from '../contracts/client-transport.ts';

for (const transport of ['websocket', 'sse', 'longPoll', 'poll'] as const) {
  describe(`the client library over ${transport}`, () => clientTransportContract(transport));
}
