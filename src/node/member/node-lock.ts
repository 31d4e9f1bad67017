/** What this node's files are sealed with while managers are locked. */
import { unlockKeyOf } from '#model/trust/unlock-key';
import { changeLock } from '#disk/key';
import { Refusal } from '#base/refusal';
import type { CertificateKeeper } from './certificate-keeper.ts';

export class NodeLock {
  #text: string | undefined;

  /** @param text the unlock key; undefined: the files lie open */
  constructor(text?: string) {
    this.#text = text;
  }

  get text(): string | undefined {
    return this.#text;
  }

  get bytes(): Uint8Array | undefined {
    return bytesOf(this.#text);
  }

  /** Seals all that is there with another key. A crash in between leaves what either of the two opens. @param raft folder of the log */
  async change(text: string | undefined, raft: string, keeper: Pick<CertificateKeeper, 'stage' | 'sealAgain'>): Promise<void> {
    keeper.stage(text);
    await changeLock(raft, this.bytes, bytesOf(text));
    this.#text = text;
    keeper.sealAgain();
  }

  /** Where there is no log any more, there is nothing that a lock would keep. */
  drop(keeper: Pick<CertificateKeeper, 'sealAgain'>): void {
    if (this.#text === undefined) return;
    this.#text = undefined;
    keeper.sealAgain();
  }
}

function bytesOf(text: string | undefined): Uint8Array | undefined {
  if (text === undefined) return undefined;
  const bytes = unlockKeyOf(text);
  if (!bytes) throw new Refusal('invalidArgument', 'invalid key string', { plain: true });
  return bytes;
}
