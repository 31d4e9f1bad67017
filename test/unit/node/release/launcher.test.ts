/** `shoal daemon` as a process: the release that is chosen is started, and given up when it dies. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { programVersion } from '#base/version';
import { chosenNext, readChoice, releaseFolder, writeChoice } from '#node/release/choice';
import { temporaryFolder } from '#test/support/folder';
import { keep } from '../../../../src/program/load.ts';

const root = fileURLToPath(new URL('../../../..', import.meta.url));
const says = (what: string) => `export async function main(args, launched) { console.log(${JSON.stringify(what)}, JSON.stringify(launched)); }`;
const digest = 'd'.repeat(64);

function copyBuilt(names: RegExp, folder: string): void {
  for (const name of readdirSync(join(root, '.build'))) if (names.test(name)) copyFileSync(join(root, '.build', name), join(folder, name));
}

/** The launcher as it is built, beside a daemon that only says that it was started. */
async function program(): Promise<{ state: string; start: (...args: string[]) => string }> {
  const folder = await temporaryFolder();
  if (!existsSync(join(root, '.build/launcher.mjs'))) throw new Error('the program is not built: npm run build');
  cpSync(join(root, 'bin'), join(folder, 'bin'), { recursive: true });
  mkdirSync(join(folder, '.build'));
  copyBuilt(/^(launcher|chunk-.*)\.mjs$/, join(folder, '.build'));
  writeFileSync(join(folder, '.build/daemon.mjs'), says('installed'));
  const state = join(folder, 'state');
  const release = join(releaseFolder(state, digest), '.build');
  mkdirSync(release, { recursive: true });
  writeFileSync(join(release, 'daemon.mjs'), says('release'));
  const start = (...args: string[]): string => {
    const { stdout, status } = spawnSync(process.execPath, [join(folder, 'bin/shoal'), 'daemon', ...args], { encoding: 'utf8', timeout: 20_000 });
    return status === 0 ? stdout.trim() : `code ${String(status)}`;
  };
  return { state, start };
}

test('the installed daemon where nothing is chosen, the release where it is, and the installed one when that dies twice', async () => {
  const { state, start } = await program();
  const installed = `installed {"installed":"${programVersion}"}`;
  expect(start('--state', state)).toBe(installed);
  writeChoice(state, chosenNext(undefined, programVersion, digest, 3));
  expect(start(`--state=${state}`, '--later-option', 'x')).toBe(`release {"installed":"${programVersion}","release":"${digest}"}`);
  // What runs no node is the installed program's to answer.
  expect([start('--state', state, '--help'), start('--state', state, '--target', 'docker')]).toEqual([installed, installed]);
  writeFileSync(join(releaseFolder(state, digest), '.build/daemon.mjs'), 'throw new Error("broken")');
  expect([start('--state', state), start('--state', state)]).toEqual(['code 1', installed]);
  expect(readChoice(state)?.failed).toMatchObject({ digest, attempt: 3 });
});

test('a release with compiled code beside it is started, and where that is damaged, too', async () => {
  const { state, start } = await program();
  const release = join(releaseFolder(state, digest), '.build');
  copyBuilt(/^(daemon|load|chunk-.*)\.mjs$/, release);
  writeFileSync(join(release, 'daemon.cjs'), "exports.main = async () => console.log('kept');");
  keep(join(release, 'daemon.cjs'), 'everything');
  writeChoice(state, chosenNext(undefined, programVersion, digest, 3));
  expect(start('--state', state)).toBe('kept');
  writeFileSync(join(release, 'daemon.code'), 'damaged');
  expect(start('--state', state)).toBe('kept');
});
