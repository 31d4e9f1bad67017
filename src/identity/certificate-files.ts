/** A node's certificate, key and roots in the state folder, under the names that Docker gives them. */
import { createPrivateKey } from 'node:crypto';
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
 * @param lock what the key is sealed with
 */
export function readCertificateFiles(state: string, belongs: (certificate: string, key: string) => boolean, lock?: string): NodeCertificate | undefined {
  const folder = join(state, folderName);
  const roots = readText(join(folder, names.roots));
  if (roots === undefined) return undefined;
  const both = (part: keyof NodeCertificate): string[] => [names[part], `${names[part]}${newer}`].flatMap((name) => readText(join(folder, name)) ?? []);
  const keys = both('key').flatMap((text) => openKey(text, lock) ?? []);
  for (const certificate of both('certificate')) {
    const key = keys.find((each) => belongs(certificate, each));
    if (key !== undefined) return { roots, certificate, key };
  }
  return undefined;
}

/**
 * Durable when it returns; after a crash, what was there before or this is read.
 * @param lock seals the key
 */
export function writeCertificateFiles(state: string, files: NodeCertificate, lock?: string): void {
  const folder = join(state, folderName);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const parts = ['roots', 'key', 'certificate'] as const;
  const texts = { ...files, key: sealKey(files.key, lock) };
  for (const part of parts) write(join(folder, names[part] + newer), texts[part]);
  sync(folder);
  for (const part of parts) renameSync(join(folder, names[part] + newer), join(folder, names[part]));
  sync(folder);
  sync(state);
}

/** Lays the key beside the one of before, sealed by another lock: whichever of the two locks is in force then, it can be read. */
export function stageKey(state: string, key: string, lock: string | undefined): void {
  const folder = join(state, folderName);
  write(join(folder, names.key + newer), sealKey(key, lock));
  sync(folder);
}

/** Encrypted PKCS#8, as other programs read it too. */
function sealKey(key: string, lock: string | undefined): string {
  if (lock === undefined) return key;
  return createPrivateKey(key).export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: lock }) as string;
}

function openKey(text: string, lock: string | undefined): string | undefined {
  if (!text.includes('BEGIN ENCRYPTED PRIVATE KEY')) return text;
  if (lock === undefined) return undefined;
  try {
    return createPrivateKey({ key: text, passphrase: lock }).export({ type: 'pkcs8', format: 'pem' }) as string;
  } catch {
    // Sealed by the lock of before, or cut off by a crash.
    return undefined;
  }
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
