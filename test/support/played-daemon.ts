/** A daemon in the test's own process, for tests that play what it does to kernel and engine. */
import { join } from 'node:path';
import { ReleaseKeeper } from '#node/release/release-keeper';
import { Daemon } from '../../src/node/daemon.ts';
import { systemClock } from '../../src/node/system.ts';
import { httpCall } from './api-fixture.ts';
import { silentLogger } from './silent-logger.ts';

/** Starts it with all that it has below `folder`. */
export async function playedDaemon(folder: string): Promise<Daemon> {
  const release = { state: folder, installed: '0.0.0', supervised: false, restart: () => undefined, clock: systemClock, logger: silentLogger };
  const paths = { socket: join(folder, 's.sock'), state: join(folder, 'state'), run: join(folder, 'run'), engine: join(folder, 'none') };
  const fatal = (error: unknown): never => {
    throw error;
  };
  const daemon = new Daemon({ ...paths, target: 'cluster', logLevel: 'info', snapshotEntries: 100 }, silentLogger, fatal, new ReleaseKeeper(release));
  await daemon.start();
  return daemon;
}

/** Asks the one that `folder` belongs to. */
export function askPlayed(folder: string, method: string, path: string, body?: unknown): ReturnType<typeof httpCall> {
  return httpCall(join(folder, 's.sock'), method, path, body);
}
