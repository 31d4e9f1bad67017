/** Two ends of one connection, in memory. */
import { Duplex } from 'node:stream';

export function duplexPair(): [Duplex, Duplex] {
  const ends: Duplex[] = [];
  for (const at of [0, 1]) {
    const end: Duplex = new Duplex({
      read: () => undefined,
      write(bytes: Buffer, _encoding, done) {
        ends[1 - at]?.push(bytes);
        done();
      },
      final(done) {
        ends[1 - at]?.push(null);
        done();
      },
      destroy(error, done) {
        const other = ends[1 - at];
        if (other && !other.destroyed) setImmediate(() => other.destroy());
        done(error);
      },
    });
    end.on('error', () => undefined);
    ends.push(end);
  }
  return ends as [Duplex, Duplex];
}
