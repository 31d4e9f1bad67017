/** Whether what comes over a connection is read. The one file that knows the system's end of a socket: once TLS and HTTP/2 have taken it over, nothing else of it stops. */
import type { Socket } from 'node:net';

interface Handle {
  /** False of one that nobody reads now: what has come of it waits to be taken. */
  reading: boolean;
  readStart(): number;
  readStop(): number;
}

export interface Reading {
  /** Nothing more is read until as many `release` as held: it stays in the system's buffers, and the other end is told to wait. */
  hold(): void;
  release(): void;
}

/** Of a connection before and after TLS has taken it over. One that is closed is held and released all the same. */
export function readingOf(connection: Socket): Reading {
  let holds = 0;
  let stopped = false;
  const handle = (): Partial<Handle> | undefined => (connection as { _handle?: Partial<Handle> | null })._handle ?? undefined;
  return {
    hold: () => {
      if (holds++ > 0) return;
      stopped = handle()?.reading === true;
      if (stopped) handle()?.readStop?.();
    },
    release: () => {
      if (--holds === 0 && stopped) handle()?.readStart?.();
    },
  };
}
