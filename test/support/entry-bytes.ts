/** An entry's bytes in one go, as the manager writes them in slices. */
import { EntryEncoder } from '#replica/entry-format';
import type { Entry } from '#store/action';

export function encodeEntry(entry: Entry): Uint8Array {
  const encoding = new EntryEncoder(entry);
  while (!encoding.done) encoding.step();
  return encoding.finish();
}
