/** What a member that begins anew under its old id must not forget: that it may have voted. */
import type { OpenedStorage } from '../stable-storage.ts';

/** With a vote of its own in `term`, durably, so that it gives none to anybody else up to it; `undefined`: it was never a member. */
export async function withPromise(opened: OpenedStorage, id: string, term: number | undefined): Promise<OpenedStorage> {
  const { hardState } = opened.initial;
  if (term === undefined || hardState.term >= term) return opened;
  const promised = { term, vote: id, commit: hardState.commit };
  const attest = { term, index: 0, lastTerm: 0 };
  await opened.storage.write({ hardState: promised, entries: [], installed: undefined, replies: [], attest });
  return { ...opened, initial: { ...opened.initial, hardState: promised } };
}
