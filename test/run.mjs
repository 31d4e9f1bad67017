/** `npm test`: sets up what the tests need, holds the rules of the house, runs every test, and counts. Plain Node: it may have to install the rest. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { installPackages, testPackages } from './support/machine.mjs';

process.chdir(new URL('..', import.meta.url).pathname);
const resultsFile = '.test/results.json';

/** @param {string} command @param {string[]} args @returns {boolean} it ended well */
function run(command, args) {
  return spawnSync(command, args, { stdio: 'inherit' }).status === 0;
}

/** @returns {{ passed: number, failed: number, skipped: number }} */
function readResults() {
  if (!existsSync(resultsFile)) return { passed: 0, failed: 1, skipped: 0 };
  const results = JSON.parse(readFileSync(resultsFile, 'utf8'));
  // A file that breaks before its first test counts as a failure of its own.
  const broken = results.testResults.filter(
    (/** @type {{ status: string, assertionResults: unknown[] }} */ file) => file.status === 'failed' && file.assertionResults.length === 0,
  ).length;
  return { passed: results.numPassedTests, failed: results.numFailedTests + broken, skipped: results.numPendingTests + (results.numTodoTests ?? 0) };
}

function main() {
  if (!existsSync('node_modules') && !run('npm', ['ci'])) return end({ passed: 0, failed: 1, skipped: 0 });
  const missing = installPackages(testPackages);
  if (missing !== undefined) process.stdout.write(`Tests with real containers are skipped. ${missing}\n`);
  mkdirSync('.test', { recursive: true });
  rmSync(resultsFile, { force: true });
  const houseInOrder = run('npm', ['run', '--silent', 'build']) && run('npm', ['run', '--silent', 'check']);
  const filters = process.argv.slice(2);
  const well = run('node_modules/.bin/vitest', [
    'run',
    '--config',
    'test/vitest.config.ts',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${resultsFile}`,
    ...filters,
  ]);
  const results = readResults();
  // Errors outside any test, such as a promise nobody caught, end vitest badly without a failed test.
  const uncounted = well || results.failed > 0 ? 0 : 1;
  end({ passed: results.passed + (houseInOrder ? 1 : 0), failed: results.failed + uncounted + (houseInOrder ? 0 : 1), skipped: results.skipped });
}

/** @param {{ passed: number, failed: number, skipped: number }} count */
function end({ passed, failed, skipped }) {
  process.stdout.write(`\n${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`);
  process.exitCode = failed === 0 ? 0 : 1;
}

main();
