/** The rest of a request that was answered before its end: read and thrown away for a while, for a client that finds its pipe broken reads no answer. */
import type { IncomingMessage } from 'node:http';
import type { Clock } from '#base/clock';
import { bodyLimitBytes } from './body.ts';

/** Whoever still writes after that is no client that reads. */
const longestMs = 5_000;

export function linger(request: IncomingMessage, clock: Pick<Clock, 'after'>): void {
  const { socket } = request;
  const end = (): void => void socket.destroy();
  const cancel = clock.after(longestMs, end);
  let bytes = 0;
  request.on('data', ({ length }: Buffer) => {
    bytes += length;
    if (bytes > bodyLimitBytes) end();
  });
  request.once('end', cancel);
  request.once('close', cancel);
  request.resume();
}
