import { streamContract } from '../contracts/stream.ts';
import { transportContract } from '../contracts/transport.ts';
import { EVENTS, LONG_POLL, SOCKET } from '../support/transport-clients.ts';

for (const transport of [LONG_POLL, EVENTS, SOCKET]) {
  describe(`watching a space over ${transport.name}`, () => {
    transportContract(transport);
    if (transport.streams) describe('which streams', () => streamContract(transport));
  });
}
