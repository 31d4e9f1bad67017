/** A stream of calls between nodes as a connection of bytes. */
import { Duplex } from 'node:stream';
import type { ClientDuplexStream, ServerDuplexStream } from '@grpc/grpc-js';
import type { ForwardBytes } from '../generated/shoal/v1/forward.ts';

type Call = ClientDuplexStream<ForwardBytes, ForwardBytes> | ServerDuplexStream<ForwardBytes, ForwardBytes>;

/** @param cut ends the call and all that it needed */
export function tunnelOf(call: Call, cut: () => void): Duplex {
  const tunnel = new Duplex({
    read: () => void call.resume(),
    write(bytes: Buffer, _encoding, done) {
      // Whoever reads slowly slows whoever writes, at the other end too.
      if (call.write({ bytes })) done();
      else call.once('drain', () => done());
    },
    final(done) {
      call.end();
      done();
    },
    destroy(error, done) {
      cut();
      done(error);
    },
  });
  call.on('data', ({ bytes }: ForwardBytes) => {
    if (!tunnel.push(bytes)) call.pause();
  });
  call.on('end', () => tunnel.push(null));
  call.on('error', (error: Error) => tunnel.destroy(error));
  call.on('close', () => tunnel.destroy());
  call.on('cancelled', () => tunnel.destroy());
  // A connection that nobody listens to any more must not end the process when it breaks.
  tunnel.on('error', () => undefined);
  return tunnel;
}
