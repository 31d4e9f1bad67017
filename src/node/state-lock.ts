/** Keeps a second daemon off a state folder: a socket in it that answers as long as its daemon lives, whatever became of the process. */
import { rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { Refusal } from '#base/refusal';

/** Resolves with the way to let go. Refuses `failedPrecondition` when another daemon holds the folder. */
export async function lockState(folder: string): Promise<() => Promise<void>> {
  const path = join(folder, 'lock.sock');
  const server = createServer((socket) => socket.destroy());
  if (!(await listens(server, path))) {
    if (await answers(path))
      throw new Refusal('failedPrecondition', `another daemon is using ${folder}: stop it, or give this one a state folder of its own with --state`);
    rmSync(path, { force: true });
    if (!(await listens(server, path))) throw new Refusal('failedPrecondition', `${path} cannot be taken: another daemon is starting on ${folder}`);
  }
  server.unref();
  return () => new Promise((resolve) => server.close(() => resolve()));
}

function listens(server: Server, path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException): void => {
      if (error.code === 'EADDRINUSE') resolve(false);
      else reject(new Refusal('failedPrecondition', `cannot use the state folder: ${error.message}`));
    };
    server.once('error', failed);
    server.listen(path, () => {
      server.removeListener('error', failed);
      resolve(true);
    });
  });
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
