/** Opens files that are encrypted for this cluster, in memory, before anything else reads them. */
import { Refusal } from '#base/refusal';
import { openSops } from '#compose/sealed/sops';
import type { RepositoryKeys } from '#model/object/repository';
import { encryptedAs } from './encrypted.ts';

export type OpenResult = { bytes: Uint8Array; /** What must not be said. */ secrets: readonly string[] } | { error: string };

export interface Opener {
  open: (path: string, bytes: Uint8Array) => Promise<OpenResult>;
}

const lettersBegin = '-----BEGIN AGE ENCRYPTED FILE-----';

/** For what anybody may propose: a stack file that shows a value would give it away. */
export const closedOpener: Opener = { open: async () => ({ error: 'sealed files are opened for the commit that is followed alone' }) };

/** `identity`: the cluster's own; absent where it has none. `keys`: those of the repository whose files they are; without them the cluster's opens all. */
export function newOpener(identity: string | undefined, keys?: RepositoryKeys): Opener {
  if (identity === undefined) return { open: async () => ({ error: 'this cluster has no key of its own to decrypt it with' }) };
  const opened = async (path: string, bytes: Uint8Array): Promise<OpenResult> => {
    // Most repositories hold nothing encrypted: what opens it is loaded where something is.
    const { fromLetters, open: openAge, recipientOf } = await import('#sealing/age');
    const readers = await Promise.all(
      [...(keys ? [keys.Own] : []), identity].map(async (own) => ({
        recipient: await recipientOf(own),
        open: async (sealed: Uint8Array): Promise<Uint8Array | undefined> => {
          const plain = await openAge(own, sealed);
          if (plain && own === identity && keys?.Whole === false) throw forAll(keys.Name);
          return plain;
        },
      })),
    );
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
    if (encryptedAs(bytes) === 'encrypted with SOPS') {
      const inLetters = readers.map(({ recipient, open }) => ({ recipient, open: (enc: string) => open(fromLetters(enc)) }));
      return openSops(path, text.replace(/^\uFEFF/, ''), inLetters);
    }
    const sealed = text.trimStart().startsWith(lettersBegin) ? fromLetters(text) : bytes;
    for (const { open } of readers) {
      const plain = await open(sealed);
      if (plain) return { bytes: plain, secrets: [Buffer.from(plain).toString('utf8')] };
    }
    const [first] = readers;
    const word = `\`shoal secret seal${keys ? ` --repo ${keys.Name}` : ''}\``;
    throw new Refusal(
      'invalidArgument',
      `it is not encrypted for this ${keys ? 'repository' : 'cluster'}: ${word} does that, or age with -r ${first?.recipient ?? ''}`,
    );
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

/** Whoever may push to any repository could copy it there. */
function forAll(name: string): Refusal {
  return new Refusal(
    'invalidArgument',
    `it is encrypted for the whole cluster, which opens it for repositories of full trust alone: \`shoal secret seal --repo ${name}\` encrypts it for this one (the key: \`shoal secret pubkey --repo ${name}\`)`,
  );
}
