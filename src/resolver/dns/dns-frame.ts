/** DNS over TCP: each message behind two bytes of length. */
import type { Socket } from 'node:net';

export function writeFrame(message: Uint8Array): Buffer {
  const frame = Buffer.alloc(message.length + 2);
  frame.writeUInt16BE(message.length);
  frame.set(message, 2);
  return frame;
}

/** Calls `use` for each whole message that arrives on `socket`. At most one message of 64 KiB is kept. */
export function readFrame(socket: Socket, use: (message: Buffer) => void): void {
  let rest = Buffer.alloc(0);
  socket.on('data', (chunk) => {
    rest = Buffer.concat([rest, Buffer.from(chunk)]);
    while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE()) {
      const end = 2 + rest.readUInt16BE();
      use(rest.subarray(2, end));
      rest = rest.subarray(end);
    }
  });
}
