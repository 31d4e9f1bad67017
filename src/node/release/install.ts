/** Makes a package that was fetched a program that the launcher can start: written whole, tried, and only then given its name. */
import { execFile } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { Refusal } from '#base/refusal';
import { syncFolder, writeSynced } from '../state/write-durably.ts';
import { releaseFolder } from './choice.ts';
import type { PackedFile } from './unpack.ts';

const run = promisify(execFile);
/** What it takes to say its version, with room for a slow disk. */
const trialMs = 30_000;
const trialHeapMb = 256;

/** Whether the release is whole on this host already. */
export function isInstalled(state: string, digest: string): boolean {
  return existsSync(join(releaseFolder(state, digest), '.build', 'daemon.mjs'));
}

/** Resolves when the release lies where the launcher looks for it, durably. Refuses what is no program of ours, or does not run here. */
export async function install(state: string, digest: string, files: readonly PackedFile[], signal: AbortSignal): Promise<void> {
  const version = versionOf(files);
  const folder = releaseFolder(state, digest);
  const making = `${folder}.new`;
  mkdirSync(dirname(folder), { recursive: true, mode: 0o700 });
  rmSync(making, { recursive: true, force: true });
  try {
    for (const file of files) put(making, file);
    for (const place of new Set(files.map(({ path }) => dirname(join(making, path))))) syncFolder(place);
    await tryOut(making, version, signal);
    rmSync(folder, { recursive: true, force: true });
    renameSync(making, folder);
    syncFolder(dirname(folder));
  } catch (error) {
    rmSync(making, { recursive: true, force: true });
    if (error instanceof Refusal) throw error;
    throw new Refusal('unavailable', `the release cannot be written: ${(error as Error).message}`);
  }
}

/** All but `kept`, and what a crash has left. */
export function prune(state: string, kept: readonly (string | undefined)[]): void {
  const folder = join(state, 'releases');
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder)) if (!kept.includes(name)) rmSync(join(folder, name), { recursive: true, force: true });
}

function put(folder: string, { path, bytes, executable }: PackedFile): void {
  const place = join(folder, path);
  mkdirSync(dirname(place), { recursive: true, mode: 0o700 });
  writeSynced(place, bytes, 'wx');
  if (executable || path.startsWith('bin/')) chmodSync(place, 0o700);
}

/** As its package.json says, which also says that it is a program of ours for this machine. */
function versionOf(files: readonly PackedFile[]): string {
  const manifest = files.find(({ path }) => path === 'package.json');
  const { name, version, os, cpu } = read(manifest?.bytes);
  if (name !== 'shoal') throw wrong(`its package.json names ${JSON.stringify(name ?? '')} and not "shoal"`);
  if (typeof version !== 'string' || !/^\d+\.\d+\.\d+[\w.+-]{0,40}$/.test(version)) throw wrong('its package.json has no version');
  if (!fits(os, process.platform) || !fits(cpu, process.arch)) throw wrong(`it is not for this machine (${process.platform}, ${process.arch})`);
  for (const path of ['bin/shoal', '.build/daemon.mjs', '.build/cli.mjs'])
    if (!files.some((file) => file.path === path)) throw wrong(`it holds no ${path}: a package is made by \`npm pack\` in a clone`);
  return version;
}

function read(bytes: Buffer | undefined): { name?: unknown; version?: unknown; os?: unknown; cpu?: unknown } {
  try {
    return (JSON.parse((bytes ?? Buffer.of()).toString('utf8')) ?? {}) as object;
  } catch {
    throw wrong('it has no package.json that can be read');
  }
}

/** As npm reads lists of platforms: `!` takes one away. */
function fits(list: unknown, own: string): boolean {
  if (!Array.isArray(list) || list.length === 0) return true;
  return !list.includes(`!${own}`) && (list.includes(own) || list.every((each) => String(each).startsWith('!')));
}

/** Both programs of it are loaded once, before anything rests on them. */
async function tryOut(folder: string, version: string, signal: AbortSignal): Promise<void> {
  const said = await runs(folder, ['--version'], signal);
  if (said.trim() !== version) throw wrong(`it calls itself ${JSON.stringify(said.trim().slice(0, 40))}, and its package.json ${version}`);
  await runs(folder, ['daemon', '--help'], signal);
}

async function runs(folder: string, args: readonly string[], signal: AbortSignal): Promise<string> {
  const command = [`--max-old-space-size=${trialHeapMb}`, join(folder, 'bin', 'shoal'), ...args];
  const options = { cwd: folder, timeout: trialMs, killSignal: 'SIGKILL', maxBuffer: 1024 * 1024, env: { PATH: process.env['PATH'] ?? '' }, signal } as const;
  try {
    return (await run(process.execPath, command, options)).stdout;
  } catch (error) {
    if (signal.aborted) throw new Refusal('unavailable', 'another release is wanted by now');
    const { stderr = '', message } = error as Error & { stderr?: string };
    throw wrong(`\`shoal ${args.join(' ')}\` of it does not run on Node ${process.version}: ${(stderr.trim() || message).slice(-200)}`);
  }
}

function wrong(text: string): Refusal {
  return new Refusal('invalidArgument', `the release is no package of shoal: ${text}`);
}
