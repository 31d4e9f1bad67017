/** The list of who may sign a repository's commits: lines of ssh's allowed signers, and OpenPGP public keys in letters. */
import { Refusal } from '#base/refusal';

const longest = 256 * 1024;
const block = /-----BEGIN PGP PUBLIC KEY BLOCK-----[\s\S]*?-----END PGP PUBLIC KEY BLOCK-----/g;

export function pgpKeys(signers: string): string {
  return (signers.match(block) ?? []).join('\n');
}

export function sshSigners(signers: string): string {
  return signers
    .replaceAll(block, '')
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .join('\n');
}

/** Refuses what would let nobody sign, or is no list. */
export function checkSigners(signers: string): void {
  if (signers.length > longest) throw new Refusal('invalidArgument', `the list of signers is longer than ${longest} characters`);
  const lines = sshSigners(signers)
    .split('\n')
    .filter((line) => line !== '');
  const wrong = lines.find((line) => !/^\S+\s+(.*\s)?(ssh-|ecdsa-|sk-)[a-z0-9@.-]+\s+[A-Za-z0-9+/]{20,}={0,2}(\s.*)?$/.test(line));
  if (wrong !== undefined) {
    const form = 'it is NAME KEYTYPE KEY, as in ssh-keygen(1) under ALLOWED SIGNERS, or an OpenPGP public key';
    throw new Refusal('invalidArgument', `"${wrong.slice(0, 60)}" is no signer: ${form}`);
  }
  if (lines.length === 0 && pgpKeys(signers) === '') throw new Refusal('invalidArgument', 'the list of signers names nobody');
}
