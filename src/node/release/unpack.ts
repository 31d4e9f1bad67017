/** What an archive of `npm pack` holds: plain files and nothing else. It is read whole before anything of it is written. */
import { posix } from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { Refusal } from '#base/refusal';

export interface PackedFile {
  /** Below the package's folder, with slashes. */
  path: string;
  bytes: Buffer;
  executable: boolean;
}

const mostBytes = 256 * 1024 * 1024;
const mostFiles = 5000;
const longestPath = 512;
const deepest = 16;
const block = 512;
/** Everything in a package lies in it. */
const top = 'package/';

/** Refuses by name what is no package, or holds what no package needs: links, devices, paths that lead elsewhere. `limit`: bytes that it may unpack to. */
export async function readPackage(archive: Uint8Array, limit = mostBytes): Promise<PackedFile[]> {
  const tar = await promisify(gunzip)(archive, { maxOutputLength: limit }).catch((error: NodeJS.ErrnoException) => {
    throw wrong(error.code === 'ERR_BUFFER_TOO_LARGE' ? `it holds more than ${limit} bytes` : `it is no gzip: ${error.message}`);
  });
  const files = new Map<string, PackedFile>();
  for (const file of entriesOf(tar)) {
    if (files.has(file.path)) throw wrong(`it holds ${file.path} twice`);
    if (files.size >= mostFiles) throw wrong(`it holds more than ${mostFiles} files`);
    files.set(file.path, file);
  }
  for (const path of files.keys()) for (const folder of foldersOf(path)) if (files.has(folder)) throw wrong(`${folder} is a file and a folder in it`);
  return [...files.values()];
}

function* entriesOf(tar: Buffer): Generator<PackedFile> {
  for (let at = 0; at < tar.length;) {
    const header = tar.subarray(at, at + block);
    if (header.length < block) throw wrong('it is cut off');
    // Two empty blocks are the end; one is as good.
    if (header.every((byte) => byte === 0)) return;
    checkSum(header);
    const size = numberIn(header, 124, 12);
    const path = pathOf(header);
    const type = header.subarray(156, 157).toString('latin1');
    const from = at + block;
    if (from + size > tar.length) throw wrong('it is cut off');
    at = from + Math.ceil(size / block) * block;
    if (type === '5') continue;
    if (type !== '0' && type !== '\0') throw wrong(`${path} is no plain file (type ${JSON.stringify(type)})`);
    yield { path, bytes: tar.subarray(from, from + size), executable: (numberIn(header, 100, 8) & 0o100) !== 0 };
  }
}

function checkSum(header: Buffer): void {
  const told = numberIn(header, 148, 8);
  const sum = header.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 0x20 : byte), 0);
  if (sum !== told) throw wrong('a header of it is damaged');
}

function numberIn(header: Buffer, from: number, length: number): number {
  const digits = textIn(header, from, length).trim();
  if (!/^[0-7]{0,11}$/.test(digits)) throw wrong('a header of it is damaged');
  return Number.parseInt(digits || '0', 8);
}

function textIn(header: Buffer, from: number, length: number): string {
  const field = header.subarray(from, from + length);
  const end = field.indexOf(0);
  return field.subarray(0, end === -1 ? length : end).toString('utf8');
}

/** As ustar has it: what is too long for a name has its folders in the prefix. */
function pathOf(header: Buffer): string {
  const prefix = textIn(header, 257, 5) === 'ustar' ? textIn(header, 345, 155) : '';
  const whole = prefix === '' ? textIn(header, 0, 100) : `${prefix}/${textIn(header, 0, 100)}`;
  const shown = JSON.stringify(whole);
  const path = whole.replace(/\/$/, '');
  if (`${path}/` === top) return '';
  const inside = path.slice(top.length);
  const isPlain = /^[\w.@+~-]+(\/[\w.@+~-]+)*$/.test(inside) && posix.normalize(inside) === inside && !inside.split('/').includes('..');
  if (!path.startsWith(top) || !isPlain) throw wrong(`${shown} is no path of a package: all lies below ${top}, under plain names`);
  if (inside.length > longestPath || inside.split('/').length > deepest) throw wrong(`${shown} is too long or too deep`);
  return inside;
}

function foldersOf(path: string): string[] {
  const parts = path.split('/').slice(0, -1);
  return parts.map((_, at) => parts.slice(0, at + 1).join('/'));
}

function wrong(text: string): Refusal {
  return new Refusal('invalidArgument', `the release is no package of shoal: ${text}`);
}
