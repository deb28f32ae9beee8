/**
 * What texts are compared with: a CRDT, its documents in the memory of one process and nowhere else. The server of y-websocket without what it has besides; that package's client
 * talks to it.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createDecoder, readVarUint } from 'lib0/decoding';
import { createEncoder, length, toUint8Array, writeVarUint } from 'lib0/encoding';
import { type WebSocket, WebSocketServer } from 'ws';
import { readSyncMessage, writeSyncStep1, writeUpdate } from 'y-protocols/sync';
import { Doc } from 'yjs';

const SYNC = 0;

type Room = { readonly doc: Doc; readonly sockets: Set<WebSocket> };
const rooms = new Map<string, Room>();

function roomOf(name: string): Room {
  let room = rooms.get(name);
  if (room === undefined) {
    const made: Room = { doc: new Doc(), sockets: new Set() };
    made.doc.on('update', (update: Uint8Array) => {
      const encoder = createEncoder();
      writeVarUint(encoder, SYNC);
      writeUpdate(encoder, update);
      const message = toUint8Array(encoder);
      for (const socket of made.sockets) socket.send(message);
    });
    rooms.set(name, made);
    room = made;
  }
  return room;
}

function join({ doc, sockets }: Room, socket: WebSocket): void {
  sockets.add(socket);
  socket.binaryType = 'nodebuffer';
  socket.on('close', () => sockets.delete(socket));
  socket.on('message', (message: Buffer) => {
    const decoder = createDecoder(message);
    if (readVarUint(decoder) !== SYNC) return; // cursors, which nobody has here
    const encoder = createEncoder();
    writeVarUint(encoder, SYNC);
    readSyncMessage(decoder, encoder, doc, socket);
    if (length(encoder) > 1) socket.send(toUint8Array(encoder));
  });
  const encoder = createEncoder();
  writeVarUint(encoder, SYNC);
  writeSyncStep1(encoder, doc);
  socket.send(toUint8Array(encoder));
}

const sockets = new WebSocketServer({ noServer: true });
const server = createServer((_req, res) => res.end());
server.on('upgrade', (req, socket, head) => {
  sockets.handleUpgrade(req, socket, head, (open) => join(roomOf(req.url ?? ''), open));
});
server.listen(0, '127.0.0.1', () => console.log(`listening on ${(server.address() as AddressInfo).port}`));
process.on('SIGTERM', () => process.exit(0));
