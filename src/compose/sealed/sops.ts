/** Opens SOPS files with an age identity, and believes nothing of them before their checksum is right. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { posix } from 'node:path';
import { Refusal } from '#base/refusal';
import type { SopsDocument, SopsMetadata } from './sops-document.ts';
import { readEnv } from './sops-env.ts';
import { readJson, readYaml } from './sops-tree.ts';
import { countedText, isEncrypted, openValue, scalarOf } from './sops-value.ts';

/** Opens what age sealed; undefined when it is for somebody else. */
export type OpenAge = (armored: string) => Promise<Uint8Array | undefined>;

/** Somebody whom a file may be encrypted for. */
export interface SopsReader {
  recipient: string;
  open: OpenAge;
}

export interface SopsPlain {
  bytes: Buffer;
  /** What was encrypted, for keeping it out of what is said. */
  secrets: readonly string[];
}

const keyBytes = 32;
const mostValues = 20_000;
/** Before the values, where only encrypted ones count: SHA-256 of `sops`. */
const encryptedOnlyBegin = createHash('sha256').update('sops').digest();

/** By the first of the readers that it is encrypted for. Throws a Refusal that says why it cannot be opened. */
export async function openSops(path: string, text: string, readers: readonly SopsReader[]): Promise<SopsPlain> {
  const document = read(path, text);
  if (!document) throw new Refusal('invalidArgument', 'it lacks what SOPS writes beside the values (`sops` with `mac` and `lastmodified`)');
  if (document.values.length > mostValues) throw new Refusal('invalidArgument', `it holds more than ${mostValues} values`);
  const key = await dataKey(document.metadata, readers);
  return openDocument(document, key);
}

function read(path: string, text: string): SopsDocument | undefined {
  const name = posix.basename(path).toLowerCase();
  if (name === '.env' || name.endsWith('.env') || name.startsWith('.env.')) return readEnv(text);
  if (/\.ya?ml$/.test(name)) return readYaml(text);
  if (name.endsWith('.json')) return readJson(text, false);
  if (name.endsWith('.ini')) throw new Refusal('invalidArgument', 'INI files of SOPS are not read: use YAML, JSON, env or binary');
  return readJson(text, true);
}

async function dataKey({ age, groups }: SopsMetadata, readers: readonly SopsReader[]): Promise<Uint8Array> {
  if (groups) throw new Refusal('invalidArgument', 'its key is split over several groups, which is not read');
  for (const { recipient, open } of readers)
    for (const { enc } of age.filter((each) => each.recipient === recipient)) {
      const key = await open(enc);
      if (key?.length === keyBytes) return key;
    }
  throw new Refusal(
    'invalidArgument',
    `it is not encrypted for this cluster: add ${readers[0]?.recipient ?? ''} to its recipients (\`sops rotate --add-age\`)`,
  );
}

/** Opens each value at its place, then holds the checksum against all of them in their order. */
function openDocument(document: SopsDocument, key: Uint8Array): SopsPlain {
  const { metadata, values, binary } = document;
  const sum = createHash('sha512');
  if (metadata.encryptedOnly) sum.update(encryptedOnlyBegin);
  const secrets: string[] = [];
  let whole: Buffer | undefined;
  for (const { path, value, set } of values) {
    if (!isEncrypted(value)) {
      if (!metadata.encryptedOnly) sum.update(countedText(value));
      continue;
    }
    const shown = `the value of ${path.join('.')}`;
    const opened = openValue(value, key, `${path.join(':')}:`, shown);
    sum.update(opened.bytes);
    if (binary) whole = opened.bytes;
    const plain = scalarOf(opened, shown);
    set(plain);
    secrets.push(String(plain));
  }
  checkSum(metadata, key, sum.digest('hex').toUpperCase());
  return { bytes: whole ?? Buffer.from(document.text()), secrets };
}

function checkSum({ mac, lastModified }: SopsMetadata, key: Uint8Array, found: string): void {
  const told = openValue(mac, key, lastModified, 'its checksum').bytes;
  const counted = Buffer.from(found);
  if (told.length !== counted.length || !timingSafeEqual(told, counted))
    throw new Refusal('invalidArgument', 'its checksum is not that of its values: something was added, removed or changed without SOPS');
}
