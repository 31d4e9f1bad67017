/** Each rule of the house is shown to catch its fault, planted in a copy of the tree. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { rules, writeLintConfig } from './check.mjs';

const root = resolve(import.meta.dirname, '../..');
let copy = '';

beforeAll(() => {
  copy = mkdtempSync(join(tmpdir(), 'shoal-tidy-'));
  for (const name of ['src', 'package.json', 'tsconfig.json', '.oxfmtrc.json', 'schemas', 'test/tidy', 'test/support']) {
    cpSync(join(root, name), join(copy, name), { recursive: true });
  }
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  const before = process.cwd();
  process.chdir(copy);
  writeLintConfig();
  process.chdir(before);
});

afterAll(() => rmSync(copy, { recursive: true, force: true }));

const long = Array.from({ length: 500 }, (_, index) => `export const line${index} = ${index};\n`).join('');

const faults: readonly (readonly [what: string, rule: string, files: Record<string, string>, said: RegExp])[] = [
  [
    'a room that imports one it may not',
    'imports',
    { 'src/stages/scheduler/planted.ts': "import '#engine/engine';\n" },
    /room-stages\/scheduler: src\/stages\/scheduler\/planted\.ts/,
  ],
  [
    'a type alone imported where it may not',
    'imports',
    { 'src/store/planted-type.ts': "import type { Cluster } from '#control/cluster';\nexport type Planted = Cluster;\n" },
    /room-store: src\/store\/planted-type\.ts/,
  ],
  [
    'a cycle of folders',
    'imports',
    {
      'src/base/planted.ts': "import { kinds } from '#model/object/object';\nexport const planted = kinds;\n",
      'src/model/planted.ts': "import { planted } from '#base/planted';\nexport const again = planted;\n",
    },
    /no-folder-cycles: src\/(base|model)\b/,
  ],
  [
    'a cycle of files',
    'imports',
    {
      'src/base/one.ts': "import { two } from './two.ts';\nexport const one = () => two;\n",
      'src/base/two.ts': "import { one } from './one.ts';\nexport const two = () => one;\n",
    },
    /no-file-cycles: src\/base\/(one|two)\.ts/,
  ],
  [
    'dockerode outside engine',
    'imports',
    { 'src/manager/planted.ts': "import Docker from 'dockerode';\nexport const planted = Docker;\n" },
    /door-engine[^\n]*: src\/manager\/planted\.ts/,
  ],
  [
    'files in a pure room',
    'imports',
    { 'src/store/planted-io.ts': "import { readFileSync } from 'node:fs';\nexport const planted = readFileSync;\n" },
    /pure-rooms-do-no-io: src\/store\/planted-io\.ts/,
  ],
  [
    'a folder of sixteen files',
    'rooms',
    Object.fromEntries(Array.from({ length: 16 }, (_, index) => [`src/store/planted/file${index}.ts`, 'export const planted = 1;\n'])),
    /src\/store\/planted holds 16 files: 15 at most/,
  ],
  [
    'a test that the product needs',
    'imports',
    { 'src/cli/planted.ts': "import '../../test/support/machine.mjs';\n" },
    /product-knows-no-tests: src\/cli\/planted\.ts/,
  ],
  ['the clock in a pure room', 'lint', { 'src/store/planted.ts': 'export const planted = Date.now();\n' }, /Pure rooms name no Date: take `now`/],
  ['chance in a pure room', 'lint', { 'src/raft/planted.ts': 'export const planted = Math.random();\n' }, /Take a Random of base\/random/],
  ['a timer in a pure room', 'lint', { 'src/task/planted.ts': 'export const planted = setTimeout(() => {}, 1);\n' }, /Pure rooms name no setTimeout/],
  [
    'random bytes in a pure room',
    'lint',
    { 'src/control/planted.ts': "import { randomBytes } from 'node:crypto';\nexport const planted = randomBytes;\n" },
    /Take a Random of base\/random/,
  ],
  ['a promise nobody waits for', 'lint', { 'src/agent/planted.ts': 'export function planted(): void {\n  Promise.resolve(1);\n}\n' }, /no-floating-promises/],
  ['a file of 500 lines', 'lint', { 'src/base/planted-file.ts': long }, /eslint\(max-lines\)/],
  [
    'a function of 80 lines',
    'lint',
    { 'src/base/planted-function.ts': `export function planted(): void {\n${'  void 0;\n'.repeat(80)}}\n` },
    /max-lines-per-function/,
  ],
  ['any', 'lint', { 'src/base/planted-any.ts': 'export const planted: any = 1;\n' }, /no-explicit-any/],
  ['a wrong type', 'types', { 'src/base/planted.ts': "export const planted: number = 'one';\n" }, /planted\.ts.*TS2322/],
  ['generated code that was edited', 'generated code', { 'src/rpc/generated/shoal/v1/planted.ts': 'export const planted = 1;\n' }, /planted\.ts/],
  ['crooked layout', 'format', { 'src/base/planted.ts': 'export const planted  =  1\n' }, /planted\.ts/],
  ['a file nobody needs', 'dead code', { 'src/base/planted.ts': 'export const planted = 1;\n' }, /src\/base\/planted\.ts/],
];

/** Faults of one rule are planted together: it runs once for them. */
const outputs = new Map<string, { status: number | null; text: string }>();

/** What the rule says of all faults of its name, each in files of its own. */
function outputOf(name: string): { status: number | null; text: string } {
  const known = outputs.get(name);
  if (known) return known;
  const files = faults.filter(([, rule]) => rule === name).flatMap(([, , each]) => Object.entries(each));
  expect(new Set(files.map(([path]) => path)).size, 'each fault has files of its own').toBe(files.length);
  for (const [path, text] of files) {
    mkdirSync(dirname(join(copy, path)), { recursive: true });
    writeFileSync(join(copy, path), text);
  }
  try {
    const [command = '', ...args] = rules.find((candidate) => candidate.name === name)?.command ?? [];
    const { status, stdout, stderr } = spawnSync(command, args, { cwd: copy, encoding: 'utf8' });
    const output = { status, text: stdout + stderr };
    outputs.set(name, output);
    return output;
  } finally {
    for (const [path] of files) rmSync(join(copy, path));
  }
}

test.each(faults)('%s is caught by %s', (_, name, _files, said) => {
  const { status, text } = outputOf(name);
  expect(status).not.toBe(0);
  expect(text).toMatch(said);
});
