/** Opens files that are encrypted for this cluster, in memory, before anything else reads them. */
import { Refusal } from '#base/refusal';
import { openSops } from '#compose/sealed/sops';
import { encryptedAs } from './encrypted.ts';

export type OpenResult = { bytes: Uint8Array; /** What must not be said. */ secrets: readonly string[] } | { error: string };

export interface Opener {
  open: (path: string, bytes: Uint8Array) => Promise<OpenResult>;
}

const lettersBegin = '-----BEGIN AGE ENCRYPTED FILE-----';

/** For what anybody may propose: a stack file that shows a value would give it away. */
export const closedOpener: Opener = { open: async () => ({ error: 'sealed files are opened for the commit that is followed alone' }) };

/** `identity`: the cluster's own; absent where it has none. */
export function newOpener(identity: string | undefined): Opener {
  if (identity === undefined) return { open: async () => ({ error: 'this cluster has no key of its own to decrypt it with' }) };
  const opened = async (path: string, bytes: Uint8Array): Promise<OpenResult> => {
    // Most repositories hold nothing encrypted: what opens it is loaded where something is.
    const { fromLetters, open: openAge, recipientOf } = await import('#sealing/age');
    const recipient = await recipientOf(identity);
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
    if (encryptedAs(bytes) === 'encrypted with SOPS')
      return openSops(path, text.replace(/^\uFEFF/, ''), recipient, (enc) => openAge(identity, fromLetters(enc)));
    const plain = await openAge(identity, text.trimStart().startsWith(lettersBegin) ? fromLetters(text) : bytes);
    if (!plain) throw new Refusal('invalidArgument', `it is not encrypted for this cluster: \`shoal secret seal\` does that, or age with -r ${recipient}`);
    return { bytes: plain, secrets: [Buffer.from(plain).toString('utf8')] };
  };
  return {
    open: async (path, bytes) => {
      try {
        const result = await opened(path, bytes);
        const again = 'bytes' in result ? encryptedAs(result.bytes) : undefined;
        return again === undefined ? result : { error: `inside it is ${again} once more` };
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        return { error: error.message };
      }
    },
  };
}
