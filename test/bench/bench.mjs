/** `npm run bench`: gets what the benches need, then runs them. Plain Node: it may have to install the rest. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { installPackages } from '../support/machine.mjs';

process.chdir(new URL('../..', import.meta.url).pathname);

/** @param {string} command @param {string[]} args */
const run = (command, args) => spawnSync(command, args, { stdio: 'inherit' }).status === 0;

// Writes are measured beside an etcd in the same run.
const advice = installPackages({ etcd: 'etcd-server' });
if (advice !== undefined) process.stdout.write(`${advice}\n`);
const ready = (existsSync('node_modules') || run('npm', ['ci', '--no-audit', '--no-fund'])) && run('npm', ['run', '--silent', 'build']);
process.exitCode = ready && run(process.execPath, ['--import', 'tsx', 'test/bench/run.ts', ...process.argv.slice(2)]) ? 0 : 1;
