/** Files that are not what they stand for: ciphertext, or a pointer to a file elsewhere. Deployed as they are, they break a service far from the cause. */

const inspectedBytes = 1024 * 1024;
const lfsPointer = 'a pointer of Git LFS';

/** What the file is, when its content cannot be used as it lies there. */
export function encryptedAs(bytes: Uint8Array): string | undefined {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, inspectedBytes)).toString('latin1');
  const start = text.replace(/^\u00ef\u00bb\u00bf/, '').trimStart();
  if (start.startsWith('age-encryption.org/v1') || start.startsWith('-----BEGIN AGE ENCRYPTED FILE-----')) return 'encrypted with age';
  // Every value that SOPS encrypts, and the checksum that each of its files carries, whatever the format around it.
  if (/ENC\[AES256_GCM,\s*data:/.test(text)) return 'encrypted with SOPS';
  if (text.startsWith('\u0000GITCRYPT\u0000')) return 'encrypted with git-crypt';
  if (start.startsWith('$ANSIBLE_VAULT;')) return 'encrypted with Ansible Vault';
  if (text.startsWith('version https://git-lfs.github.com/spec/')) return lfsPointer;
  return undefined;
}

/** What the cluster's own key may open. */
export function isOpenable(what: string): boolean {
  return what === 'encrypted with age' || what === 'encrypted with SOPS';
}

/** For people: what to do about it. */
export function encryptedText(path: string, what: string): string {
  if (what === lfsPointer) return `${path} is ${what}, whose files are not fetched, so it is not deployed: put the file itself into the repository`;
  return `${path} is ${what}, which is not decrypted here, so it is not deployed: use age, SOPS or an external secret instead`;
}

export function sealedText(path: string, what: string, reason: string): string {
  return `${path} is ${what} and cannot be decrypted, so it is not deployed: ${reason}`;
}
