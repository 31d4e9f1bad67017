/** The list of who may sign a repository's commits: lines of ssh's allowed signers, and OpenPGP public keys in letters. */
import { Refusal } from '#base/refusal';

const longest = 256 * 1024;
const begin = '-----BEGIN PGP PUBLIC KEY BLOCK-----';
const end = '-----END PGP PUBLIC KEY BLOCK-----';

export function pgpKeys(signers: string): string {
  return apart(signers).blocks.join('\n');
}

/** Keys in letters, and what stands around them: one walk, whatever is begun and not ended. */
function apart(signers: string): { blocks: string[]; around: string } {
  const blocks: string[] = [];
  let [around, at] = ['', 0];
  for (let from = signers.indexOf(begin); from >= 0; from = signers.indexOf(begin, at)) {
    const to = signers.indexOf(end, from);
    if (to < 0) break;
    around += signers.slice(at, from);
    at = to + end.length;
    blocks.push(signers.slice(from, at));
  }
  return { blocks, around: around + signers.slice(at) };
}

export function sshSigners(signers: string): string {
  return apart(signers)
    .around.split(/\r?\n/)
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
  const wrong = lines.find((line) => !isSigner(line));
  if (wrong !== undefined) {
    const form = 'it is NAME KEYTYPE KEY, as in ssh-keygen(1) under ALLOWED SIGNERS, or an OpenPGP public key';
    throw new Refusal('invalidArgument', `"${wrong.slice(0, 60)}" is no signer: ${form}`);
  }
  if (lines.length === 0 && pgpKeys(signers) === '') throw new Refusal('invalidArgument', 'the list of signers names nobody');
}

/** NAME, options that may have blanks in quotes, type, key. */
function isSigner(line: string): boolean {
  const words = line.split(/\s+/);
  return words.some((word, at) => at > 0 && /^(ssh-|ecdsa-|sk-)[a-z0-9@.-]+$/.test(word) && /^[A-Za-z0-9+/]{20,}={0,2}$/.test(words[at + 1] ?? ''));
}
