import { once } from 'node:events';
import { connect } from 'node:net';

/** The bytes that memcached says its records take up, keys and headers included; not the room that its size classes leave empty. */
export async function cacheBytes(port: number): Promise<number> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    socket.write('stats\r\n');
    let text = '';
    for await (const chunk of socket) {
      text += String(chunk);
      if (text.includes('END\r\n')) break;
    }
    const bytes = /^STAT bytes (\d+)\r$/m.exec(text)?.[1];
    if (bytes === undefined) throw new Error('memcached does not say how much it holds');
    return Number(bytes);
  } finally {
    socket.destroy();
  }
}
