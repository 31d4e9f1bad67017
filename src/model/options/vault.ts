/** References to values that a vault holds (HashiCorp Vault, OpenBao): `vault:PATH#KEY`, and `vault:PATH?version=N#KEY` for one version of it. */
import { createHash } from 'node:crypto';
import type { SecretSpec } from '../object/secret.ts';

export interface VaultReference {
  /** As it was written. */
  text: string;
  /** Of the engine and the secret in it, as `vault kv get` takes it. */
  path: string;
  key: string;
  /** Absent: the newest. */
  version?: number;
}

const scheme = 'vault:';
const longestReference = 512;
/** The name of a driver that no deploy ever sees: it stands for a value between rendering and asking. */
const vaultDriver = 'vault';
const shownLength = 20;

/** Whether a name of something external is meant for a vault, well written or not. */
export function isVaultName(name: string): boolean {
  return name.startsWith(scheme);
}

/** Undefined: it is none. */
export function readVaultReference(text: string): VaultReference | undefined {
  const match = /^vault:([\w.~-]+(?:\/[\w.~-]+)+)(?:\?version=([1-9]\d{0,8}))?#([\w.~-]{1,128})$/.exec(text);
  const [, path = '', version, key = ''] = match ?? [];
  if (!match || text.length > longestReference || path.split('/').some((part) => /^\.{1,2}$/.test(part))) return undefined;
  return { text, path, key, ...(version !== undefined && { version: Number(version) }) };
}

/** The stack's own secret that a reference stands for, while its value is not known. `stack` and reference make its name, which tells nothing of the value. */
export function vaultSecret(stack: string, { text, path, key }: VaultReference): SecretSpec {
  const shown = `${path.split('/').at(-1) ?? ''}.${key}`.replaceAll('~', '_').slice(0, shownLength);
  const unique = createHash('sha256').update(text).digest('hex').slice(0, 8);
  return { Name: `${stack}_vault.${shown}.${unique}`, Driver: { Name: vaultDriver, Options: { reference: text } } };
}

/** What the secret's value is to be asked for; undefined: it has one, or is somebody else's. */
export function vaultReferenceOf({ Driver }: SecretSpec): VaultReference | undefined {
  return Driver?.Name === vaultDriver ? readVaultReference(Driver.Options?.['reference'] ?? '') : undefined;
}
