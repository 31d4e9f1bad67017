/** A node that is told to run another release: what it fetches, what it refuses, and what it says of it. */
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readChoice, writeChoice } from '#node/release/choice';
import { ReleaseKeeper } from '#node/release/release-keeper';
import { temporaryFolder } from '#test/support/folder';
import { digestOf, packageOf, type FakeProgram } from '#test/support/packages';
import { realClock } from '#test/support/real-clock';
import { silentLogger } from '#test/support/silent-logger';

let state: string;
let server: Server;
let answer: RequestListener;
let asked: string[];
let restarts: number;

beforeEach(async () => {
  state = await temporaryFolder();
  asked = [];
  restarts = 0;
  server = createServer((request, response) => {
    asked.push(request.url ?? '');
    answer(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterEach(() => {
  server.closeAllConnections();
  server.close();
});

const place = (path = '/shoal.tgz'): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`;

function serve(program?: FakeProgram): string {
  const bytes = packageOf(program);
  answer = (_request, response) => void response.end(bytes);
  return digestOf(bytes);
}

/** Resolves when the keeper has done what it was told, one way or the other. */
async function told(digest: string, { supervised = true, attempt = 1, running }: { supervised?: boolean; attempt?: number; running?: string } = {}) {
  let end = (): void => undefined;
  const done = new Promise<void>((resolve) => (end = resolve));
  const restart = (): void => {
    restarts++;
    end();
  };
  const keeper = new ReleaseKeeper({ state, running, installed: '0.1.0', supervised, restart, clock: realClock, logger: silentLogger });
  keeper.watch(end);
  keeper.wanted({ URL: place(), Digest: digest, Attempt: attempt });
  await done;
  return keeper;
}

test('a package that is what was asked for is unpacked, tried and chosen, and the daemon starts anew', async () => {
  const digest = serve();
  await told(digest);
  expect(restarts).toBe(1);
  expect(readChoice(state)).toEqual({ format: 1, installed: '0.1.0', chosen: digest, probation: { attempt: 1, starts: 0 } });
  expect(existsSync(join(state, 'releases', digest, '.build/daemon.mjs'))).toBe(true);
});

test.each([
  ['is another one', {}, 'nothing of it was unpacked', 'f'.repeat(64)],
  ['is of another program', { name: 'other' }, 'names "other" and not "shoal"', undefined],
  ['calls itself something else than it says', { more: [{ path: 'package/bin/x' }], version: '1.0.0\n2' }, 'has no version', undefined],
  ['cannot be run', { version: '0.0.1', daemon: '', more: [{ path: 'package/bin/../x' }] }, 'is no path of a package', undefined],
])('a package that %s is refused by name, leaves nothing, and is not tried again unasked', async (_what, program, text, other) => {
  const digest = serve(program);
  const keeper = await told(other ?? digest);
  expect(keeper.run.Failed).toMatchObject({ Digest: other ?? digest, Attempt: 1, Text: expect.stringContaining(text) as string });
  expect([restarts, existsSync(join(state, 'releases')) ? readdirSync(join(state, 'releases')) : []]).toEqual([0, []]);
  // After a restart too.
  asked = [];
  const next = new ReleaseKeeper({ state, installed: '0.1.0', supervised: true, restart: () => undefined, clock: realClock, logger: silentLogger });
  next.wanted({ URL: place(), Digest: other ?? digest, Attempt: 1 });
  expect([next.run.Failed?.Attempt, asked]).toEqual([1, []]);
});

test('where nobody would start the daemon again nothing is fetched', async () => {
  const keeper = await told(serve(), { supervised: false });
  expect(keeper.run.Failed?.Text).toContain('nobody would start this daemon again');
  expect(asked).toEqual([]);
});

test('the one that runs, the one before it, and the one that comes are kept; others go', async () => {
  const first = serve({ version: '1.0.0' });
  await told(first);
  const keeper = new ReleaseKeeper({
    state,
    running: first,
    installed: '0.1.0',
    supervised: true,
    restart: () => undefined,
    clock: realClock,
    logger: silentLogger,
  });
  expect(keeper.run).toMatchObject({ Digest: first, Probation: true });
  keeper.proven();
  expect([keeper.run.Probation, readChoice(state)]).toEqual([undefined, { format: 1, installed: '0.1.0', chosen: first }]);
  const second = serve({ version: '2.0.0' });
  await told(second, { running: first });
  const chosen = readChoice(state);
  expect(chosen).toMatchObject({ chosen: second, before: first });
  writeChoice(state, { format: 1, installed: '0.1.0', chosen: second, before: first });
  const third = serve({ version: '3.0.0' });
  await told(third, { running: second });
  expect(readdirSync(join(state, 'releases')).toSorted()).toEqual([second, third].toSorted());
});
