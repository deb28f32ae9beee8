import type { Socket } from 'node:net';

/** All that comes until the connection is over, however it ends: who hangs up on what he has not read resets it. */
export function heard(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    let said = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      said += chunk;
    });
    socket.on('error', () => undefined);
    socket.once('close', () => resolve(said));
  });
}
