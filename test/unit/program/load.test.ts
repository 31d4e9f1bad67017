/** Compiled code that is kept of a program: when it counts, and that the program runs where it does not. */
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { beforeEach, expect, test } from 'vitest';
import { temporaryFolder } from '#test/support/folder';
import { compile, keep, load } from '../../../src/program/load.ts';

const built = fileURLToPath(new URL('../../../.build', import.meta.url));
const says = (text: string): string => `exports.main = () => '${text}';\n`;

let file: string;
let code: string;

beforeEach(async () => {
  const folder = await temporaryFolder();
  [file, code] = [join(folder, 'program.cjs'), join(folder, 'program.code')];
  writeFileSync(file, says('one'));
  keep(file, 'everything');
});

/** Whether the code counts; undefined: V8 was given none. */
const counts = (): boolean | undefined => {
  const rejected = compile(file).cachedDataRejected;
  return rejected === undefined ? undefined : !rejected;
};
const said = (): string => (load(file) as { main: () => string }).main();

/** The same in a process of its own. */
function elsewhere(flags: readonly string[], of = file): string {
  const text = `import { compile, load } from ${JSON.stringify(pathToFileURL(join(built, 'load.mjs')).href)};
const file = ${JSON.stringify(of)};
console.log(compile(file).cachedDataRejected, typeof load(file).main);`;
  const { NODE_OPTIONS: _none, ...env } = process.env;
  return execFileSync(process.execPath, [...flags, '--input-type=module', '-e', text], { encoding: 'utf8', env }).trim();
}

test.each(['everything', 'start'] as const)('what was kept of this text counts: %s', (what) => {
  keep(file, what);
  expect([counts(), said()]).toEqual([true, 'one']);
});

test.each<[what: string, harm: () => void, runs?: string]>([
  ['is gone', () => rmSync(code)],
  ['is empty', () => truncateSync(code, 0)],
  ['is cut off', () => truncateSync(code, readFileSync(code).length - 1)],
  ['is longer', () => writeFileSync(code, Buffer.concat([readFileSync(code), Buffer.of(0)]))],
  [
    'is damaged in one byte',
    () =>
      writeFileSync(
        code,
        readFileSync(code).map((byte, at) => (at === 200 ? byte ^ 1 : byte)),
      ),
  ],
  ['is of another text of the same length', () => writeFileSync(file, says('two')), 'two'],
])('code that %s does not count, and the program runs', (_what, harm, runs = 'one') => {
  harm();
  expect([counts(), said()]).toEqual([undefined, runs]);
});

test('code that another version of Node kept does not count, nor that of another build of it', () => {
  for (const [name, value] of [
    ['version', 'v20.99.0'],
    ['arch', 'riscv64'],
    ['config', { variables: {} }],
  ] as const) {
    const own = Object.getOwnPropertyDescriptor(process, name) as PropertyDescriptor;
    Object.defineProperty(process, name, { ...own, value });
    try {
      expect([name, counts(), said()]).toEqual([name, undefined, 'one']);
    } finally {
      Object.defineProperty(process, name, own);
    }
  }
  expect(counts()).toBe(true);
});

test.each(['daemon', 'cli'])('the code of the built %s counts in a plain process, and under flags that it was not made for it runs without', (name) => {
  const program = join(built, `${name}.cjs`);
  expect(elsewhere([], program)).toBe('false function');
  expect(elsewhere(['--max-old-space-size=256'], program)).toBe('true function');
});
