/** `npm run check`: every rule of the house in one go. Each that fails says what to do. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { lintConfig } from './lint-config.mjs';

/** @typedef {{ name: string, command: string[], advice: string }} Rule */

const lintFile = '.test/oxlint.json';
const bin = (/** @type {string} */ name) => `node_modules/.bin/${name}`;

/** @type {Rule[]} */
export const rules = [
  { name: 'types', command: ['node', 'node_modules/typescript-native/bin/tsc', '-p', '.'], advice: 'mend the types; no `any`, no cast without a reason' },
  { name: 'lint', command: [bin('oxlint'), '--type-aware', '-c', lintFile, 'src', 'test'], advice: 'each line above says what to do instead' },
  { name: 'format', command: [bin('oxfmt'), '--check', 'src', 'test'], advice: 'run `npm run format`' },
  {
    name: 'imports',
    command: [bin('depcruise'), '--config', 'test/tidy/dependency-cruiser.config.mjs', '--output-type', 'err-long', 'src'],
    advice: 'the table in src/README.md says which room may import which',
  },
  { name: 'rooms', command: ['node', 'test/tidy/rooms.mjs'], advice: 'put what belongs together into a folder that says so' },
  { name: 'generated code', command: ['node', 'test/tidy/generated.mjs'], advice: 'run `npm run generate` and commit what it writes' },
  { name: 'dead code', command: [bin('knip'), '--config', 'test/tidy/knip.jsonc', '--no-progress'], advice: 'delete it, or use it' },
  {
    name: 'code for tests alone',
    command: [bin('knip'), '--config', 'test/tidy/knip.jsonc', '--no-progress', '--production'],
    advice:
      'delete it, move it under test, or, where a test looks into a file that uses it, say @internal in its comment; what is about to be used is named in knip.jsonc',
  },
];

/** Writes the linter's settings where it can read them. */
export function writeLintConfig() {
  mkdirSync('.test', { recursive: true });
  writeFileSync(lintFile, JSON.stringify(lintConfig()));
}

function main() {
  writeLintConfig();
  let failed = 0;
  for (const { name, command, advice } of rules) {
    const started = Date.now();
    const result = spawnSync(command[0] ?? '', command.slice(1), { encoding: 'utf8' });
    const took = `${((Date.now() - started) / 1000).toFixed(1)} s`;
    if (result.status === 0) {
      process.stdout.write(`ok    ${name} (${took})\n`);
      continue;
    }
    failed += 1;
    process.stdout.write(`${result.stdout}${result.stderr}\nFAIL  ${name} (${took}): ${advice}\n`);
  }
  process.stdout.write(`${rules.length - failed} of ${rules.length} rules hold\n`);
  process.exitCode = failed === 0 ? 0 : 1;
}

if (process.argv[1]?.endsWith('check.mjs')) main();
