/** The socket that containers keep while daemons come and go. */
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { createServer, request, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Door } from '#resolver/door';

let folder: string;
let path: string;
let daemon: Server | undefined;
let door: Door;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'shoal-door-'));
  path = join(folder, 'engine.sock');
});
afterEach(async () => {
  door.close();
  await stopDaemon();
  rmSync(folder, { recursive: true });
});

/** A daemon that says who it is. */
async function startDaemon(name: string, socket = 'shoal.sock'): Promise<void> {
  daemon = createServer((_request, response) => void response.end(name));
  await new Promise<void>((resolve) => daemon?.listen(join(folder, socket), resolve));
}

async function stopDaemon(): Promise<void> {
  daemon?.closeAllConnections();
  await new Promise<void>((resolve) => (daemon ? daemon.close(() => resolve()) : resolve()));
  daemon = undefined;
}

function ask(): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath: path, path: '/', agent: false }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('end', () => resolve(text));
    });
    asked.on('error', reject).end();
  });
}

test('leads to whichever daemon is there; who comes while there is none waits for the next', async () => {
  await startDaemon('first');
  door = await Door.open({ path, leadsTo: join(folder, 'shoal.sock') });
  const inode = statSync(path).ino;
  expect(await ask()).toBe('first');
  await stopDaemon();
  const waiting = ask();
  await startDaemon('second');
  expect(await waiting).toBe('second');
  await stopDaemon();
  await startDaemon('elsewhere', 'other.sock');
  door.leadTo(join(folder, 'other.sock'));
  expect([await ask(), statSync(path).ino]).toEqual(['elsewhere', inode]);
});

test('whoever may use the daemon’s socket may use it, and nobody else', async () => {
  door = await Door.open({ path, leadsTo: join(folder, 'shoal.sock') });
  expect((statSync(path).mode & 0o777).toString(8)).toBe('600');
  await startDaemon('first');
  const [own, daemons] = [path, join(folder, 'shoal.sock')].map((each) => () => statSync(each).mode & 0o777);
  door.leadTo(join(folder, 'shoal.sock'));
  expect(own?.()).toBe(daemons?.());
});

test('who hands it over removes nothing of his successor’s', async () => {
  await startDaemon('first');
  door = await Door.open({ path, leadsTo: join(folder, 'shoal.sock') });
  const inode = statSync(path).ino;
  const descriptor = door.descriptor();
  if (descriptor === undefined) throw new Error('this Node does not tell descriptors');
  door.close();
  expect([statSync(path).ino, readdirSync(folder).toSorted()]).toEqual([inode, ['engine.sock', 'shoal.sock']]);
});
