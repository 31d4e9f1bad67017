/** One after the other: while git takes a push nobody else touches the folder of its repository, nor makes it anew under a git at work. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, IncomingMessage, request, ServerResponse, type Server } from 'node:http';
import { Socket, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { second } from '#base/text/duration';
import { createRepository } from '#control/repository/repositories';
import { Bare } from '#gitops/hosted/bare';
import type { HookJudge } from '#gitops/hosted/hook';
import { Hosted } from '#gitops/hosted/hosted';
import { writeHome } from '#gitops/worker/git-environment';
import type { GitRequest } from '#model/git/git-request';
import { GitRepository } from '#test/support/git-repository';
import { initialisedCluster } from '#test/support/memory-cluster';
import { silentLogger } from '#test/support/silent-logger';

let folder: string;
let home: string;
let hosted: Hosted;
let cluster: ReturnType<typeof initialisedCluster>;
let id: string;
let server: Server | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'shoal-hosted-'));
  home = join(folder, 'home');
  writeHome(home);
  cluster = initialisedCluster();
  id = cluster.run(createRepository({ Name: 'infra', URL: '', Hosted: true, Branch: 'main', Path: 'stacks', Interval: 3600 * second })).ID;
  hosted = new Hosted({ folder, home }, { cluster, logger: silentLogger });
  hosted.start();
});

afterEach(async () => {
  hosted.stop();
  await new Promise((resolve) => (server ? server.close(resolve).closeAllConnections() : resolve(undefined)));
  server = undefined;
  rmSync(folder, { recursive: true, force: true });
});

const asked = (more: Partial<GitRequest>): GitRequest => ({
  method: 'GET',
  service: '/info/refs',
  query: 'service=git-receive-pack',
  headers: {},
  body: nothing(),
  user: 'me',
  ...more,
});

async function* nothing(): AsyncGenerator<Uint8Array> {}

/** Pieces of bodies that came, as long as somebody holds them. */
const came: WeakRef<Uint8Array>[] = [];

async function* noted(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const piece of body) {
    came.push(new WeakRef(piece));
    yield piece;
  }
}

/** The address at which git is answered. */
async function serve(judge: HookJudge): Promise<string> {
  server = createServer((request, response) => {
    const { pathname, search } = new URL(request.url ?? '', 'http://x');
    const [method, service] = [request.method ?? '', pathname as GitRequest['service']];
    void hosted.serve(id, asked({ method, service, query: search.slice(1), headers: request.headers, body: noted(request) }), response, judge);
  });
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('whoever waits behind a push has his turn when the branch has moved, and while it is told of', async () => {
  const repository = new GitRepository();
  try {
    repository.commit({ 'notes.txt': 'x' });
    const seen: string[] = [];
    const isMoved = () => existsSync(join(hosted.folderOf(id), 'refs', 'heads', 'main'));
    let behind: Promise<unknown> = Promise.resolve();
    const url = await serve(async ({ kind }) => {
      seen.push(`${kind} ${isMoved()}`);
      if (kind === 'pre-receive') behind = hosted.inTurn(id, async () => seen.push(`the next one ${isMoved()}`));
      // What is told of a push waits for looks, which take turns themselves.
      else await behind;
      return 0;
    });
    await promisify(execFile)('git', ['-C', repository.folder, '-c', 'safe.directory=*', 'push', '--quiet', url, 'main'], { timeout: 60_000 });
    expect(seen).toEqual(['pre-receive false', 'post-receive true', 'the next one true']);
  } finally {
    repository.remove();
  }
});

test('a push that is refused leaves the turn to the next one', async () => {
  const repository = new GitRepository();
  try {
    repository.commit({ 'notes.txt': 'x' });
    const url = await serve(async () => 1);
    const pushed = promisify(execFile)('git', ['-C', repository.folder, '-c', 'safe.directory=*', 'push', '--quiet', url, 'main'], { timeout: 60_000 });
    await expect(pushed).rejects.toThrow('pre-receive hook declined');
    expect(await hosted.ready(id)).toBe(false);
  } finally {
    repository.remove();
  }
});

test('for who left before it was his turn no git is started', async () => {
  const response = new ServerResponse(new IncomingMessage(new Socket()));
  response.destroy();
  await hosted.serve(id, asked({}), response, async () => 0);
  expect(response.headersSent).toBe(false);
});

test('a damaged folder is made anew when no git is at work in it, and not before', async () => {
  let busy = true;
  const own = join(folder, 'own.git');
  const signal = new AbortController().signal;
  const bare = new Bare({ folder: own, home, branch: 'main', signal, groups: () => {}, busy: () => busy });
  await bare.bringTo(undefined, () => []);
  const mark = join(own, 'mark');
  writeFileSync(mark, '');
  await expect(bare.bringTo('1'.repeat(40), () => [])).rejects.toThrow('made anew when the requests that are under way are over');
  expect(existsSync(mark)).toBe(true);
  busy = false;
  await expect(bare.bringTo('1'.repeat(40), () => [])).rejects.toThrow('git ended with');
  expect(existsSync(mark)).toBe(false);
});

test('what was pushed is held no longer than until git has it, however long its rollout is told of', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const repository = new GitRepository();
  try {
    repository.commit({ 'large.bin': randomBytes(4 * 1024 * 1024).toString('base64') });
    let end = (): void => {};
    const told = new Promise<void>((resolve) => (end = resolve));
    let isTold = false;
    const address = await serve(async ({ kind }) => {
      if (kind === 'pre-receive') return 0;
      isTold = true;
      await told;
      return 0;
    });
    came.length = 0;
    const pushed = promisify(execFile)('git', ['-C', repository.folder, '-c', 'safe.directory=*', 'push', '--quiet', address, 'main'], { timeout: 60_000 });
    await expect.poll(() => isTold, { timeout: 30_000 }).toBe(true);
    await expect.poll(() => (collect(), came.reduce((sum, piece) => sum + (piece.deref()?.length ?? 0), 0)), { timeout: 30_000 }).toBeLessThan(1_000_000);
    expect(came.length).toBeGreaterThan(0);
    end();
    await pushed;
  } finally {
    repository.remove();
  }
});

test('who holds his requests open keeps git from one repository, and not from the others', async () => {
  const url = await serve(async () => 0);
  const held = Array.from({ length: 8 }, () => {
    const call = request(`${url}/git-upload-pack`, { method: 'POST', agent: false });
    call.on('error', () => {}).write('0');
    return call;
  });
  const status = async (): Promise<number> => (await fetch(`${url}/git-upload-pack`, { method: 'POST', body: '0000' })).status;
  await expect.poll(status, { timeout: 30_000 }).toBe(503);
  ({ ID: id } = cluster.run(createRepository({ Name: 'other', URL: '', Hosted: true, Branch: 'main', Path: 'stacks', Interval: 3600 * second })));
  expect((await fetch(`${url}/info/refs?service=git-upload-pack`)).status).toBe(200);
  for (const call of held) call.destroy();
});
