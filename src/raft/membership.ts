/** Members come and go by entries of the log; a change is in force once its entry is applied. */
import { decode } from '#base/codec';
import { changed, type Change } from './changer.ts';
import type { Core } from './core.ts';
import type { Entry } from './message.ts';
import { Progress } from './progress.ts';
import { advanceCommit, sendAppend } from './replication.ts';

/** Puts the change of a committed configuration entry into force. */
export function applyConfiguration(core: Core, entry: Entry): void {
  core.configuration = changed(core.configuration, decode<Change>(entry.bytes));
  if (core.role !== 'leader') return;
  for (const id of core.peers) {
    if (core.progress.has(id)) continue;
    core.progress.set(id, new Progress(core.log.lastIndex + 1, core.limits.window));
    sendAppend(core, id, true);
  }
  for (const id of core.progress.keys()) if (id !== core.id && !core.peers.includes(id)) core.progress.delete(id);
  if (core.transferee !== undefined && !core.configuration.voters.includes(core.transferee)) core.transferee = undefined;
  if (core.isVoter) advanceCommit(core);
  // It must never count itself in a quorum it is not in.
  else core.becomeFollower(core.term, undefined);
}
