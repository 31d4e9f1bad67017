/** One asker's connection over TCP: a query at a time is taken from it, and the next ones wait in the kernel until he has read the answer. */
import type { Socket } from 'node:net';
import { writeFrame } from './dns-frame.ts';

/** Takes a query, and calls `answered` once; undefined: it deserves no answer. Returns whether it was taken. */
export type TakeQuery = (message: Buffer, answered: (reply: Buffer | undefined) => void) => boolean;

export function serveConnection(socket: Socket, take: TakeQuery): void {
  let rest = Buffer.alloc(0);
  let busy = false;
  const next = (): void => {
    busy = false;
    const end = rest.length < 2 ? Infinity : 2 + rest.readUInt16BE();
    if (rest.length < end) return void socket.resume();
    busy = true;
    socket.pause();
    const message = rest.subarray(2, end);
    rest = rest.subarray(end);
    if (!take(message, answered)) socket.destroy();
  };
  const answered = (reply: Buffer | undefined): void => {
    if (!reply || !socket.writable) return void socket.destroy();
    if (socket.write(writeFrame(reply))) next();
    else socket.once('drain', next);
  };
  socket.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    if (!busy) next();
  });
}
