/** A node's certificate, key and roots in the state folder, under the names that Docker gives them. */
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** PEM texts. */
export interface NodeCertificate {
  certificate: string;
  key: string;
  roots: string;
}

const folderName = 'certificates';
const names: Readonly<Record<keyof NodeCertificate, string>> = { roots: 'swarm-root-ca.crt', certificate: 'swarm-node.crt', key: 'swarm-node.key' };
/** Ends the name of a file that is about to take another's place. */
const newer = '.new';

/**
 * Undefined when the node has none, or not all of one: it then asks for another. A crash may have exchanged one file of two:
 * `belongs` says which certificate and key go together.
 */
export function readCertificateFiles(state: string, belongs: (certificate: string, key: string) => boolean): NodeCertificate | undefined {
  const folder = join(state, folderName);
  const roots = readText(join(folder, names.roots));
  if (roots === undefined) return undefined;
  const both = (part: keyof NodeCertificate): string[] => [names[part], `${names[part]}${newer}`].flatMap((name) => readText(join(folder, name)) ?? []);
  const keys = both('key');
  for (const certificate of both('certificate')) {
    const key = keys.find((each) => belongs(certificate, each));
    if (key !== undefined) return { roots, certificate, key };
  }
  return undefined;
}

/** Durable when it returns; after a crash, what was there before or this is read. */
export function writeCertificateFiles(state: string, files: NodeCertificate): void {
  const folder = join(state, folderName);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const parts = ['roots', 'key', 'certificate'] as const;
  for (const part of parts) write(join(folder, names[part] + newer), files[part]);
  sync(folder);
  for (const part of parts) renameSync(join(folder, names[part] + newer), join(folder, names[part]));
  sync(folder);
  sync(state);
}

export function forgetCertificateFiles(state: string): void {
  rmSync(join(state, folderName), { recursive: true, force: true });
}

function write(path: string, text: string): void {
  // Left by a crash: it may be of any mode.
  rmSync(path, { force: true });
  const file = openSync(path, 'wx', 0o600);
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function sync(folder: string): void {
  const handle = openSync(folder, 'r');
  fsyncSync(handle);
  closeSync(handle);
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
