/** The kernel's tools: run as they are asked for, by small processes that are kept, and known without running them. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { batchInput, isInstalled, run } from '#host/run';

test.each(['sh', 'no-such-tool-anywhere'])('%s is installed if, and only if, it can be run', async (command) => {
  const { code } = await run(command, ['-c', 'true'], { timeoutMs: 60_000 });
  expect(isInstalled(command)).toBe(code !== 'missing');
});

test('a command for a tool that reads many is one, whatever it is made of', () => {
  expect(batchInput(['link set dev a up', 'link set dev b up'])).toBe('link set dev a up\nlink set dev b up\n');
  for (const bad of ['a\nb', 'a\rb', 'a\u0000', 'a\u0085b']) expect(() => batchInput(['fine', bad]), JSON.stringify(bad)).toThrow('is no line for a tool');
});

const limits = { timeoutMs: 60_000 };

test('a tool is started by a shell that stays, and not by a copy of this process', async () => {
  const parent = async (): Promise<string> => (await run('sh', ['-c', 'echo $PPID'], limits)).stdout;
  const first = await parent();
  expect(first).not.toBe(`${process.pid}\n`);
  expect(await parent()).toBe(first);
});

test('words and input reach a tool as they are, and each answer is that of its own tool', async () => {
  const words = ["it's", '$HOME `id`', 'a\nb', '', '\\', '"', 'ü☃'];
  const said = await Promise.all(
    words.map((word) => run('sh', ['-c', 'cat; printf %s "$1"; printf %s "$2" >&2; exit 3', 'sh', word, `e${word}`], { ...limits, input: `${word}${word}` })),
  );
  expect(said).toEqual(words.map((word) => ({ code: 3, stdout: `${word}${word}${word}`, stderr: `e${word}` })));
  expect(await run('cat', [], limits)).toEqual({ code: 0, stdout: '', stderr: '' });
  const large = 'x'.repeat(300_000);
  expect((await run('cat', [], { ...limits, input: large })).stdout === large).toBe(true);
});

test('an empty input costs no process that would write it', async () => {
  expect((await run('readlink', ['/proc/self/fd/0'], { ...limits, input: '' })).stdout).toBe('/dev/null\n');
});

/** One that nobody has asked for its end yet does not. */
function runs(pid: string | undefined): boolean {
  try {
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
}

test('a tool that hangs or writes without end is killed with what it has started, and the next one runs', async () => {
  const hung = await run('sh', ['-c', 'echo before; sleep 600 & echo $!; wait'], { timeoutMs: 300 });
  expect(hung).toMatchObject({ code: 124, stderr: 'sh did not end within 300 ms' });
  const [, child] = hung.stdout.split('\n');
  await vi.waitFor(() => expect(runs(child)).toBe(false));
  expect((await run('yes', [], { ...limits, outputLimitBytes: 100_000 })).code).toBe(124);
  expect(await run('sh', ['-c', 'exit 5'], limits)).toEqual({ code: 5, stdout: '', stderr: '' });
});

test('a tool that works on ends by itself where nobody is left to end it', async () => {
  expect((await run('sh', ['-c', 'ulimit -t'], { timeoutMs: 59_500 })).stdout).toBe('60\n');
});

test('more tools at a time than shells are kept all run, and a shell that is killed fails its tool alone', async () => {
  const many = await Promise.all(Array.from({ length: 20 }, (_, at) => run('sh', ['-c', `echo ${at}`], limits)));
  expect(many.map(({ stdout }) => stdout)).toEqual(Array.from({ length: 20 }, (_, at) => `${at}\n`));
  expect(await run('sh', ['-c', 'kill -9 $PPID; sleep 600'], { timeoutMs: 1_000 })).toMatchObject({ code: 1 });
  expect(await run('sh', ['-c', 'echo on'], limits)).toMatchObject({ code: 0, stdout: 'on\n' });
});

test('a tool that was found costs no copy of the environment and one look at its file; one that has gone is sought again', async () => {
  const env = process.env;
  let copies = 0;
  const folders = [0, 1].map(() => mkdtempSync(join(tmpdir(), 'shoal-run-')));
  const tool = (at: number): string => join(folders[at] ?? '', 'shoal-tool');
  for (const at of [0, 1]) writeFileSync(tool(at), `#!/bin/sh\necho ${at}\n`, { mode: 0o755 });
  process.env = new Proxy({ ...env, PATH: `${folders.join(':')}:${env['PATH']}` }, { ownKeys: (target) => (copies++, Reflect.ownKeys(target)) });
  try {
    const ask = async (): Promise<string> => (await run('shoal-tool', [], limits)).stdout;
    await ask();
    const before = copies;
    expect([await ask(), await ask(), copies - before]).toEqual(['0\n', '0\n', 0]);
    rmSync(tool(0));
    expect(await ask()).toBe('1\n');
  } finally {
    process.env = env;
    for (const folder of folders) rmSync(folder, { recursive: true });
  }
});
