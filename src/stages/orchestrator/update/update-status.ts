/** The turns of UpdateStatus, with the texts that Docker's users know (swarmkit update/updater.go). */
import { timeText } from '#base/clock';
import type { Service, UpdateStatus } from '#model/object/service';
import type { Draft } from '../draft.ts';

/** An update or a rollback is under way: its failures count, and it has an end. */
export function isRolling(service: Service): boolean {
  const state = service.UpdateStatus?.State;
  return state === 'updating' || state === 'rollback_started';
}

/** Somebody must change the spec before anything is rolled again. */
export function isPaused(service: Service): boolean {
  const state = service.UpdateStatus?.State;
  return state === 'paused' || state === 'rollback_paused';
}

export function startUpdate(draft: Draft): void {
  setStatus(draft, { State: 'updating', StartedAt: timeText(draft.now), Message: 'update in progress' });
}

export function completeUpdate(draft: Draft): void {
  const rollback = draft.service.UpdateStatus?.State === 'rollback_started';
  setStatus(draft, {
    ...draft.service.UpdateStatus,
    State: rollback ? 'rollback_completed' : 'completed',
    Message: rollback ? 'rollback completed' : 'update completed',
    CompletedAt: timeText(draft.now),
  });
}

/** Answers too many failures, of which `taskId` is the last, by what the settings ask for. A rollback is never rolled back. */
export function failUpdate(draft: Draft, action: 'pause' | 'rollback', taskId: string): void {
  const { service } = draft;
  const rollback = service.UpdateStatus?.State === 'rollback_started';
  const cause = `due to failure or early termination of task ${taskId}`;
  if (action === 'rollback' && !rollback && service.PreviousSpec) {
    rollBack(draft, `update rolled back ${cause}`);
    return;
  }
  // Nothing to go back to: stop here rather than call it in progress for ever.
  const paused = action === 'rollback' && rollback ? 'rollback paused' : 'update paused';
  setStatus(draft, { ...service.UpdateStatus, State: rollback ? 'rollback_paused' : 'paused', Message: `${paused} ${cause}` });
}

/** The whole previous spec comes back, replicas and all; there is no way back from there. */
function rollBack(draft: Draft, message: string): void {
  const { PreviousSpec: previous, ...rest } = draft.service;
  const { Rollout: _over, ...state } = rest.Shoal;
  draft.putService({
    ...rest,
    Spec: previous ?? rest.Spec,
    UpdateStatus: { ...rest.UpdateStatus, State: 'rollback_started', Message: message },
    // The versions change places, so that tasks of the restored spec are clean and the failed one's number is not used again.
    Shoal: { ...state, SpecVersion: state.PreviousSpecVersion ?? 0, PreviousSpecVersion: state.SpecVersion },
  });
}

function setStatus(draft: Draft, status: UpdateStatus): void {
  draft.putService({ ...draft.service, UpdateStatus: status });
}
