/** The worst files, each in a process of its own with a small heap: it ends, and with one clear error. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hostileFiles } from '#test/support/compose-hostile';

const root = new URL('../..', import.meta.url).pathname;
/** Far above what they take, far below what a file without bounds would. */
const [limitMs, heapMegabytes] = [30_000, 400];
const folder = mkdtempSync(join(tmpdir(), 'shoal-hostile-'));
const child = join(folder, 'child.mjs');

beforeAll(() => {
  buildSync({
    entryPoints: [join(root, 'test/support/hostile-child.ts')],
    outfile: child,
    bundle: true,
    platform: 'node',
    format: 'esm',
    banner: { js: "import{createRequire as requireOf}from'node:module';const require=requireOf(import.meta.url);" },
    logLevel: 'error',
  });
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.each(['spec', 'strict'])('%s mode', (mode) => {
  test.each(Object.entries(hostileFiles))('%s', (name, { error }) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [`--max-old-space-size=${heapMegabytes}`, child, mode, name], {
      encoding: 'utf8',
      timeout: limitMs,
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain(error);
  });
});
