/** Packages of the program as `npm pack` makes them, and as nobody should. */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

export interface PackedEntry {
  path: string;
  text?: string | Buffer;
  /** Of tar: '0' a file, '1' and '2' links, '3' a device, '5' a folder. */
  type?: string;
  mode?: number;
}

/** A tar archive, packed; `package/` is not put before the paths. */
export function archiveOf(entries: readonly PackedEntry[]): Buffer {
  const blocks = entries.flatMap(({ path, text = '', type = '0', mode = 0o644 }) => {
    const header = Buffer.alloc(512);
    const field = (value: string, at: number): void => void header.write(value, at, 'latin1');
    header.write(path, 0);
    field(`${mode.toString(8).padStart(7, '0')}\0`, 100);
    field(`${Buffer.byteLength(text).toString(8).padStart(11, '0')}\0`, 124);
    field('        ', 148);
    field(type, 156);
    field(type === '2' ? '/etc/passwd' : '', 157);
    field('ustar\u000000', 257);
    const sum = header.reduce((total, byte) => total + byte, 0);
    field(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    const body = Buffer.from(text);
    return [header, body, Buffer.alloc((512 - (body.length % 512)) % 512)];
  });
  return gzipSync(Buffer.concat([...blocks, Buffer.alloc(1024)]));
}

export interface FakeProgram {
  version?: string;
  name?: string;
  /** Of the module that the launcher loads: has `main`. */
  daemon?: string;
  more?: readonly PackedEntry[];
}

/** One that says its version, and whose daemon is the text of `daemon`. */
export function packageOf({ version = '9.9.9', name = 'shoal', daemon = 'export async function main() {}', more = [] }: FakeProgram = {}): Buffer {
  const program = `#!/usr/bin/env node\nif (process.argv[2] === '--version') console.log(${JSON.stringify(version)});\n`;
  return archiveOf([
    { path: 'package/package.json', text: JSON.stringify({ name, version }) },
    { path: 'package/bin/package.json', text: '{"type":"commonjs"}' },
    { path: 'package/bin/shoal', text: program, mode: 0o755 },
    { path: 'package/.build/daemon.mjs', text: daemon },
    { path: 'package/.build/cli.mjs', text: 'export async function main() {}' },
    ...more,
  ]);
}

export function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

const root = fileURLToPath(new URL('../..', import.meta.url));

/** This program as it is built, with `mark` in a file of its own: each mark is a release of its own. `daemon`: in the place of the real one. */
export function ownPackage(mark: string, daemon?: string): Buffer {
  const files = ['bin', '.build'].flatMap((folder) => readdirSync(join(root, folder)).map((name) => `${folder}/${name}`));
  const entries = [...files, 'package.json'].map((path): PackedEntry => {
    const text = path === '.build/daemon.mjs' && daemon !== undefined ? daemon : readFileSync(join(root, path));
    return { path: `package/${path}`, text, mode: path === 'bin/shoal' ? 0o755 : 0o644 };
  });
  return archiveOf([...entries, { path: 'package/MARK', text: mark }]);
}

/** Path of a program below `folder` that runs this one as systemd does: when it ends it is started again, until it is told to end. */
export function supervised(folder: string): string {
  const path = join(folder, 'supervised');
  const program = join(root, 'bin/shoal');
  mkdirSync(folder, { recursive: true });
  const text = `#!/bin/bash
[ "$1" = daemon ] || exec ${program} "$@"
export NOTIFY_SOCKET=${folder}/nobody
trap 'ended=1; kill -TERM $pid' TERM
while [ -z "$ended" ]; do
  setpriv --pdeathsig KILL ${program} "$@" & pid=$!
  wait $pid
done
wait $pid
`;
  writeFileSync(path, text, { mode: 0o755 });
  return path;
}
