/** Worker processes that misbehave are ended with all that they started, and the next request gets a new one. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { encodeFrame } from '../../../src/gitops/frames.ts';
import { GitWorkers } from '../../../src/gitops/git-workers.ts';
import { WorkerProcess } from '../../../src/gitops/worker-process.ts';
import type { MirrorPlace, WorkerAnswer } from '../../../src/gitops/protocol.ts';
import { Desk } from '../../../src/gitops/worker/desk.ts';
import { gitWorkerProgram } from '#test/support/git-worker-program';
import { GitRepository, stackFile, within } from '#test/support/git-repository';

let folder: string;
let workers: GitWorkers | undefined;
const { signal } = new AbortController();

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'shoal-workers-'));
});

afterEach(() => {
  workers?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const question = { folder: '/none', home: '/none', commit: 'c'.repeat(40), path: 'stacks', have: {}, skip: {} };

/** A program that answers its first life's first request by `body`, and later lives well. */
function program(body: string): string {
  const path = join(folder, 'worker.mjs');
  const text = `import { existsSync, writeFileSync } from 'node:fs';
import { spawn } from 'node:child_process';
const mark = ${JSON.stringify(join(folder, 'lived'))};
const again = existsSync(mark);
writeFileSync(mark, '');
const send = (value) => { const body = Buffer.from(JSON.stringify(value)); const head = Buffer.alloc(4); head.writeUInt32BE(body.length); process.stdout.write(Buffer.concat([head, body])); };
process.stdin.on('end', () => process.exit());
process.stdin.on('data', (chunk) => {
  const { id } = JSON.parse(chunk.toString('utf8', 4));
  if (again) return send({ id, type: 'rendered', missing: false, declared: {}, wanting: [], author: '' });
  ${body}
});
`;
  writeFileSync(path, text);
  return path;
}

const spin = 'setTimeout(() => { for (;;); }, 20);';

test.each<[string, string, RegExp, string | undefined]>([
  ['says nonsense', 'send({ id, type: "nonsense" });', /not understood: nonsense/, undefined],
  [
    'says a stack without a shape',
    'send({ id, type: "stack", digest: "d", stack: { Name: "a", Path: "p", Commit: "c", spec: {} } });',
    /not understood: stack/,
    undefined,
  ],
  ['speaks no JSON', 'process.stdout.write(Buffer.from([0, 0, 0, 2, 65, 65]));', /JSON/, undefined],
  ['announces too much', 'process.stdout.write(Buffer.from([255, 255, 255, 255]));', /larger than/, undefined],
  ['ends', 'process.exit(3);', /ended with 3/, undefined],
  ['ends amid a stack', 'send({ id, type: "begun", name: "bad" }); setTimeout(() => process.exit(3), 50);', /ended with 3/, 'bad'],
  ['never comes back from a stack', `send({ id, type: "begun", name: "bad" }); ${spin}`, /2 s of processor time/, 'bad'],
  [
    'takes all memory',
    'const all = []; setInterval(() => all.push(Buffer.alloc(64 * 1024 * 1024, 1)), 10);',
    /MiB of memory|ended with|processor time/,
    undefined,
  ],
])('a worker that %s is ended and told of, and the next one works', async (_what, body, message, workedOn) => {
  workers = new GitWorkers(program(body));
  const error = await workers.render(question, signal).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ message: expect.stringMatching(message) });
  expect((error as { workedOn?: string }).workedOn).toBe(workedOn);
  expect(await workers.render(question, signal)).toEqual({ missing: false, declared: {}, stacks: [], same: [], wanting: [], author: '' });
});

test('what a worker started ends with it', async () => {
  const pidFile = join(folder, 'pid');
  const child = `const c = spawn('sh', ['-c', 'echo $$ > ${pidFile}; sleep 1000 & wait'], { detached: true, stdio: 'ignore' }); send({ id, type: 'group', pid: c.pid, alive: true });`;
  workers = new GitWorkers(
    program(
      `${child} const wait = setInterval(() => { if (!existsSync(${JSON.stringify(pidFile)})) return; clearInterval(wait); send({ id, type: 'nonsense' }); }, 10);`,
    ),
  );
  await expect(workers.render(question, signal)).rejects.toThrow('not understood');
  const pid = Number(readFileSync(pidFile, 'utf8'));
  await within(
    5000,
    () => !existsSync(`/proc/${pid}/exe`),
    () => `${pid} still runs`,
  );
});

test('a worker whose daemon is gone ends, and its git with it', async () => {
  const server: Server = createServer(() => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/x.git`;
    const timeouts = { silenceMs: 60_000, totalMs: 60_000 };
    const place: MirrorPlace = { folder: join(folder, 'mirror'), home: folder, run: folder, url, branch: 'main', quotaBytes: 1e6, timeouts };
    const child = spawn(process.execPath, [gitWorkerProgram()], { stdio: ['pipe', 'ignore', 'ignore'] });
    const connected = new Promise((resolve) => server.once('connection', resolve));
    child.stdin.write(encodeFrame({ id: 1, type: 'fetch', place }));
    const socket = (await connected) as Socket;
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.on('error', () => {});
    socket.resume();
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.stdin.end();
    await ended;
    await closed;
  } finally {
    server.close();
  }
});

test('repositories that hang keep nobody waiting', async () => {
  const hanging: Server = createServer(() => {});
  await new Promise<void>((resolve) => hanging.listen(0, '127.0.0.1', resolve));
  try {
    workers = new GitWorkers(gitWorkerProgram());
    const timeouts = { silenceMs: 1000, totalMs: 60_000 };
    const placeOf = (name: string, url: string): MirrorPlace => ({
      folder: join(folder, name),
      home: folder,
      run: folder,
      url,
      branch: 'main',
      quotaBytes: 1e6,
      timeouts,
    });
    const url = `http://127.0.0.1:${(hanging.address() as AddressInfo).port}`;
    const ask = (name: string, place: string): Promise<string> =>
      workers?.fetch({ place: placeOf(name, place) }, () => {}, signal).catch((error: Error) => error.message) ?? Promise.resolve('');
    const names = Array.from({ length: 8 }, (_, number) => `bad${number}`);
    for (const message of await Promise.all(names.map((name) => ask(name, `${url}/${name}`)))) expect(message).toContain('nothing came for 1 s');
    // Now they are known: two of them at most are inside at once.
    let left = names.length;
    const again = names.map((name) => ask(name, `${url}/${name}`).finally(() => (left -= 1)));
    expect(await ask('good', join(folder, 'nowhere'))).toContain('does not appear to be a git repository');
    expect(left).toBeGreaterThanOrEqual(6);
    workers.stop();
    await Promise.all(again);
  } finally {
    hanging.close();
  }
});

/** A program that notes its process id when it is born, and answers every request. */
function notingProgram(): { path: string; born: () => number[] } {
  const [path, notes] = [join(folder, 'worker.mjs'), join(folder, 'born')];
  const text = `import { appendFileSync } from 'node:fs';
appendFileSync(${JSON.stringify(notes)}, process.pid + '\\n');
const send = (value) => { const body = Buffer.from(JSON.stringify(value)); const head = Buffer.alloc(4); head.writeUInt32BE(body.length); process.stdout.write(Buffer.concat([head, body])); };
process.stdin.on('end', () => process.exit());
process.stdin.on('data', (chunk) => send({ id: JSON.parse(chunk.toString('utf8', 4)).id, type: 'rendered', missing: false, declared: {}, wanting: [], author: '' }));
`;
  writeFileSync(path, text);
  return { path, born: () => readFileSync(notes, 'utf8').trim().split('\n').map(Number) };
}

const isAlive = (pid: number): boolean => {
  const text = existsSync(`/proc/${pid}/stat`) ? readFileSync(`/proc/${pid}/stat`, 'utf8') : '';
  return text !== '' && !text.includes(') Z');
};

test('a process without work ends, and the next request gets a new one', async () => {
  const { path, born } = notingProgram();
  workers = new GitWorkers(path, { idleMs: 1 });
  await workers.render(question, signal);
  const [first = 0] = born();
  await within(
    30_000,
    () => !isAlive(first),
    () => `process ${first} lives on`,
  );
  await workers.render(question, signal);
  expect(born()).toHaveLength(2);
});

test('the process that renders is there when a first fetch ends', async () => {
  const { path, born } = notingProgram();
  workers = new GitWorkers(path, { idleMs: 600_000 });
  const timeouts = { silenceMs: 60_000, totalMs: 60_000 };
  const place = { folder: '/nowhere', home: '/nowhere', run: '/nowhere', url: '/nowhere', branch: 'main', quotaBytes: 1, timeouts };
  // This program takes every question for one to render.
  await expect(workers.fetch({ place }, () => {}, signal)).rejects.toThrow('answered something else');
  await within(
    30_000,
    () => born().length === 2,
    () => `born: ${born().join()}`,
  );
});

test('a process that nobody asks anything ends too', async () => {
  const process = new WorkerProcess(notingProgram().path, { memoryBytes: 2 ** 30, silenceMs: 60_000, idleMs: 1 });
  await within(
    30_000,
    () => !process.alive,
    () => 'it lives on',
  );
});

test('a process that has work lately is kept', async () => {
  const { path, born } = notingProgram();
  workers = new GitWorkers(path, { idleMs: 600_000 });
  await workers.render(question, signal);
  await workers.render(question, signal);
  expect(born()).toHaveLength(1);
});

test('a commit whose stacks each keep to their bound is ended when all of them together take too long, and none of them is blamed', async () => {
  const body = 'setInterval(() => { send({ id, type: "begun", name: "a" }); for (const end = performance.now() + 20; performance.now() < end;); }, 1);';
  const process = new WorkerProcess(program(body), { memoryBytes: 2 ** 30, cpuMs: 60_000, wholeCpuMs: 200, silenceMs: 60_000, idleMs: 60_000 });
  const answer = process.ask({ type: 'render', ...question }, signal);
  await expect(answer).rejects.toMatchObject({ message: 'its stacks take more than 0.2 s of processor time together', workedOn: undefined });
});

test('a render that nobody waits for any more ends before its next stack', async () => {
  const repository = new GitRepository();
  try {
    const commit = repository.commit({ 'stacks/a/compose.yml': stackFile(), 'stacks/b/compose.yml': stackFile() });
    const [stop, begun] = [new AbortController(), new Set<string>()];
    const send = async (answer: WorkerAnswer): Promise<void> => {
      if (answer.type !== 'begun') return;
      begun.add(answer.name);
      stop.abort();
    };
    const asked = { ...question, id: 1, type: 'render', folder: join(repository.folder, '.git'), home: folder, commit } as const;
    await expect(new Desk().serve(asked, { signal: stop.signal, groups: () => {}, send })).rejects.toThrow('the look was ended');
    expect(begun.size).toBe(1);
  } finally {
    repository.remove();
  }
});

test('a worker that never comes back from its work ends when its daemon was killed', async () => {
  const child = join(folder, 'child.mjs');
  buildSync({
    stdin: {
      contents: `import { endWithParent } from './process-group.ts'; endWithParent(); setTimeout(() => { process.stdout.write('spins'); for (;;); }, 300);`,
      resolveDir: 'src/gitops',
    },
    outfile: child,
    bundle: true,
    platform: 'node',
    format: 'esm',
  });
  const parent = `const { spawn } = require('node:child_process'); const c = spawn(process.execPath, [${JSON.stringify(child)}], { detached: true, stdio: ['pipe', 'pipe', 'ignore'] }); c.stdout.once('data', () => process.stdout.write(String(c.pid)));`;
  const daemon = spawn(process.execPath, ['-e', parent], { stdio: ['ignore', 'pipe', 'ignore'] });
  const [told] = (await once(daemon.stdout, 'data')) as [Buffer];
  const pid = Number(told.toString());
  const isThere = (): boolean => existsSync(`/proc/${pid}`) && !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  try {
    expect(isThere()).toBe(true);
    daemon.kill('SIGKILL');
    await expect.poll(isThere, { timeout: 30_000 }).toBe(false);
  } finally {
    if (isThere()) process.kill(pid, 'SIGKILL');
  }
});
