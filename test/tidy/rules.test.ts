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
    /room-stages\/scheduler.*src\/stages\/scheduler\/planted\.ts/s,
  ],
  [
    'a type alone imported where it may not',
    'imports',
    { 'src/store/planted.ts': "import type { Cluster } from '#control/cluster';\nexport type Planted = Cluster;\n" },
    /room-store.*planted\.ts/s,
  ],
  [
    'a cycle of folders',
    'imports',
    {
      'src/base/planted.ts': "import { kinds } from '#model/object/object';\nexport const planted = kinds;\n",
      'src/model/planted.ts': "import { planted } from '#base/planted';\nexport const again = planted;\n",
    },
    /no-folder-cycles/,
  ],
  [
    'a cycle of files',
    'imports',
    {
      'src/base/one.ts': "import { two } from './two.ts';\nexport const one = () => two;\n",
      'src/base/two.ts': "import { one } from './one.ts';\nexport const two = () => one;\n",
    },
    /no-file-cycles/,
  ],
  [
    'dockerode outside engine',
    'imports',
    { 'src/manager/planted.ts': "import Docker from 'dockerode';\nexport const planted = Docker;\n" },
    /door-engine.*planted\.ts/s,
  ],
  [
    'files in a pure room',
    'imports',
    { 'src/store/planted.ts': "import { readFileSync } from 'node:fs';\nexport const planted = readFileSync;\n" },
    /pure-rooms-do-no-io.*planted\.ts/s,
  ],
  [
    'a folder of sixteen files',
    'rooms',
    Object.fromEntries(Array.from({ length: 16 }, (_, index) => [`src/store/planted/file${index}.ts`, 'export const planted = 1;\n'])),
    /src\/store\/planted holds 16 files: 15 at most/,
  ],
  ['a test that the product needs', 'imports', { 'src/cli/planted.ts': "import '../../test/support/machine.mjs';\n" }, /product-knows-no-tests/],
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
  ['a file of 500 lines', 'lint', { 'src/base/planted.ts': long }, /max-lines/],
  ['a function of 80 lines', 'lint', { 'src/base/planted.ts': `export function planted(): void {\n${'  void 0;\n'.repeat(80)}}\n` }, /max-lines-per-function/],
  ['any', 'lint', { 'src/base/planted.ts': 'export const planted: any = 1;\n' }, /no-explicit-any/],
  ['a wrong type', 'types', { 'src/base/planted.ts': "export const planted: number = 'one';\n" }, /planted\.ts.*TS2322/],
  ['generated code that was edited', 'generated code', { 'src/rpc/generated/shoal/v1/planted.ts': 'export const planted = 1;\n' }, /planted\.ts/],
  ['crooked layout', 'format', { 'src/base/planted.ts': 'export const planted  =  1\n' }, /planted\.ts/],
  ['a file nobody needs', 'dead code', { 'src/base/planted.ts': 'export const planted = 1;\n' }, /src\/base\/planted\.ts/],
];

test.each(faults)('%s is caught by %s', (_, name, files, said) => {
  const rule = rules.find((candidate) => candidate.name === name);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(copy, path)), { recursive: true });
    writeFileSync(join(copy, path), text);
  }
  try {
    const result = spawnSync(rule?.command[0] ?? '', rule?.command.slice(1) ?? [], { cwd: copy, encoding: 'utf8' });
    expect(result.status).not.toBe(0);
    expect(result.stdout + result.stderr).toMatch(said);
  } finally {
    for (const path of Object.keys(files)) rmSync(join(copy, path));
  }
});
