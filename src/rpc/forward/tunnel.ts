/** A stream of calls between nodes as a connection of bytes. */
import { Duplex } from 'node:stream';
import type { ClientDuplexStream, ServerDuplexStream } from '@grpc/grpc-js';
import type { ForwardBytes } from '../generated/shoal/v1/forward.ts';

type Call = ClientDuplexStream<ForwardBytes, ForwardBytes> | ServerDuplexStream<ForwardBytes, ForwardBytes>;

export interface TunnelEnds {
  /** Says that no more bytes come from this side, behind those that were written. */
  finish: () => void;
  /** Ends the call and all that it needed. @param whole both sides have said all, and heard it */
  cut: (whole: boolean) => void;
}

/** What is written at once may be a whole request, and a message has its limit. */
const pieceBytes = 256 * 1024;

export function tunnelOf(call: Call, { finish, cut }: TunnelEnds): Duplex {
  let ended = false;
  const end = (): void => {
    if (!ended) tunnel.push(null);
    ended = true;
  };
  const tunnel = new Duplex({
    read: () => void call.resume(),
    // Whoever reads slowly slows whoever writes, at the other end too: of what is not taken one piece at most waits.
    write(bytes: Buffer, _encoding, done) {
      const go = (from: number): void => {
        for (let at = from; at < bytes.length; at += pieceBytes)
          if (!call.write({ bytes: bytes.subarray(at, at + pieceBytes), ended: false })) return void call.once('drain', () => go(at + pieceBytes));
        done();
      };
      go(0);
    },
    final(done) {
      finish();
      done();
    },
    destroy(error, done) {
      cut(tunnel.readableEnded && tunnel.writableFinished);
      done(error);
    },
  });
  call.on('data', ({ bytes, ended: last }: ForwardBytes) => {
    if (ended) return;
    if (bytes.length > 0 && !tunnel.push(bytes)) call.pause();
    if (last) end();
  });
  call.on('end', end);
  call.on('error', (error: Error) => tunnel.destroy(error));
  // The call is over; what was heard to its end may still wait for a slow reader.
  let over = false;
  const settle = (): void => void (over && tunnel.readableEnded && tunnel.destroy());
  tunnel.once('end', settle);
  call.on('status', () => {
    over = true;
    settle();
  });
  call.on('close', () => {
    over = true;
    if (ended) settle();
    else tunnel.destroy();
  });
  call.on('cancelled', () => tunnel.destroy());
  // A connection that nobody listens to any more must not end the process when it breaks.
  tunnel.on('error', () => undefined);
  return tunnel;
}

/** The last word of one side of a tunnel. */
export const lastBytes: ForwardBytes = { bytes: Buffer.alloc(0), ended: true };
