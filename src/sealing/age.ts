/** What age encrypts for a key of the cluster: made, opened, and the keys themselves. */
import { armor, Decrypter, Encrypter, generateX25519Identity, identityToRecipient } from 'age-encryption';
import { Refusal } from '#base/refusal';
import type { Sealing } from '#model/object/cluster';

/** A header names each who may read the file; more is made to be slow. */
const mostStanzas = 200;
const headerBytes = 1024 * 1024;

/** A new pair of keys for a cluster. */
export async function newSealing(): Promise<Sealing> {
  const Identity = await generateX25519Identity();
  return { Identity, Recipient: await identityToRecipient(Identity) };
}

export function recipientOf(identity: string): Promise<string> {
  return identityToRecipient(identity);
}

/** In letters, as it may lie in a repository. */
export async function seal(recipient: string, plain: Uint8Array): Promise<string> {
  const encrypter = new Encrypter();
  encrypter.addRecipient(recipient);
  return armor.encode(await encrypter.encrypt(plain));
}

/** Undefined when it is for somebody else. Throws a Refusal when it is damaged. */
export async function open(identity: string, sealed: Uint8Array): Promise<Uint8Array | undefined> {
  checkStanzas(sealed);
  const decrypter = new Decrypter();
  decrypter.addIdentity(identity);
  return decrypter.decrypt(sealed).catch((error: Error) => {
    if (/no identity matched/.test(error.message)) return undefined;
    throw new Refusal('invalidArgument', `it is damaged: ${error.message}`);
  });
}

/** Bytes of what stands there in letters. Throws a Refusal. */
export function fromLetters(text: string): Uint8Array {
  try {
    return armor.decode(text.trim());
  } catch (error) {
    throw new Refusal('invalidArgument', `it is damaged: ${(error as Error).message}`);
  }
}

function checkStanzas(sealed: Uint8Array): void {
  const header = Buffer.from(sealed.buffer, sealed.byteOffset, Math.min(sealed.byteLength, headerBytes)).toString('latin1');
  const end = header.indexOf('\n---');
  const stanzas = (end === -1 ? header : header.slice(0, end)).split('\n-> ').length - 1;
  if (stanzas > mostStanzas) throw new Refusal('invalidArgument', `it is for ${stanzas} readers; at most ${mostStanzas} are looked through`);
}
