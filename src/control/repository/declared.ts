/** What a repository's file says of the repository itself: its windows, whom it tells, the repositories that it declares, and the release that daemons run. */
import { equal } from '#base/equal';
import { Refusal } from '#base/refusal';
import { isAllowed } from '#model/allowance';
import { type Declared, type Repository, trustOf } from '#model/object/repository';
import type { AskedTarget } from '#model/git/notify';
import { checkFreeze } from '#model/freeze';
import { update } from '#store/action';
import { Overlay } from '#store/overlay';
import type { UseCase, UseCaseContext } from '../cluster.ts';
import { checkMergeRequests, checkTarget } from './notify.ts';
import { wantRelease } from './checks/release.ts';
import { declareChildren } from './children.ts';

/** What became of it, by the words by which it is shown beside the stacks. */
export interface DeclaredOutcome {
  refused: Readonly<Record<string, readonly string[]>>;
  held: Readonly<Record<string, string>>;
  /** A line for each repository that comes, changes or goes, and for another release. */
  changes: readonly string[];
}

const mostWindows = 20;
const mostTargets = 10;

/** Nothing new: no entry. `commit` is the one that says so. */
export function applyDeclared(id: string, commit: string, declared: Declared): UseCase<DeclaredOutcome> {
  return (view, context) => {
    const overlay = new Overlay(view);
    const refused = new Map<string, readonly string[]>();
    const attempt = (what: string, run: () => void): void => {
      try {
        run();
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        refused.set(what, [`shoal.yml: ${error.message}`]);
      }
    };
    attempt('windows', () => setWindows(overlay, id, declared.Freeze ?? []));
    if (!declared.Closed) attempt('notifications', () => setTargets(overlay, id, declared.Notify ?? [], context));
    const changes: string[] = [];
    if (!declared.Closed) attempt('release', () => void changes.push(...wantRelease(overlay, id, commit, declared.Release)));
    const parent = overlay.get('repository', id);
    const children = parent ? declareChildren(overlay, parent, commit, declared, attempt, context) : { held: {}, changes: [] };
    changes.push(...children.changes);
    return { actions: overlay.actions, result: { refused: Object.fromEntries(refused), held: children.held, changes } };
  };
}

function setWindows(overlay: Overlay, id: string, windows: readonly string[]): void {
  const repository = overlay.get('repository', id);
  if (windows.length > mostWindows) throw new Refusal('invalidArgument', `windows: at most ${mostWindows}`);
  checkFreeze(windows);
  if (!repository || equal(repository.Declared?.Freeze ?? [], windows)) return;
  const { Declared: _before, ...rest } = repository;
  overlay.lay([update('repository', windows.length === 0 ? rest : { ...rest, Declared: { Freeze: windows } })]);
}

/** Those that the operator named stay as they are; one that is declared as before keeps what is on its way to it. */
function setTargets(overlay: Overlay, id: string, wanted: readonly AskedTarget[], { newId }: UseCaseContext): void {
  const repository = overlay.get('repository', id);
  if (!repository) return;
  if (wanted.length > mostTargets) throw new Refusal('invalidArgument', `notifications: at most ${mostTargets}`);
  for (const [at, target] of wanted.entries()) checkDeclaredTarget(repository, target, `notifications.${at}`);
  const { Notify = [], Outbox = [] } = repository;
  const before = Notify.filter(({ Declared }) => Declared === true);
  const same = (target: AskedTarget) => before.find(({ ID: _id, Declared: _said, ...each }) => equal(each, target));
  const once = wanted.filter((target, at) => wanted.findIndex((each) => equal(each, target)) === at);
  const now = once.map((target) => same(target) ?? { ID: newId(), ...target, Declared: true as const });
  const all = [...Notify.filter(({ Declared }) => Declared !== true), ...now];
  if (equal(all, Notify)) return;
  const left = Outbox.filter(({ Target }) => all.some(({ ID }) => ID === Target));
  const { Notify: _targets, Outbox: _messages, ...rest } = repository;
  overlay.lay([update('repository', { ...rest, ...(all.length > 0 && { Notify: all }), ...(left.length > 0 && { Outbox: left }) })]);
}

/** Who may write to a repository of limited trust may not make the cluster speak to whomever he likes. */
function checkDeclaredTarget({ Spec }: Repository, target: AskedTarget, where: string): void {
  try {
    checkTarget(target);
    checkMergeRequests({ Spec }, target);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw new Refusal(error.code, `${where}: ${error.message}`);
  }
  const host = URL.canParse(target.URL) ? new URL(target.URL).host : '';
  if (trustOf(Spec) === 'full' || isAllowed({ word: 'notify', value: host }, Spec.Allow ?? [])) return;
  throw new Refusal(
    'failedPrecondition',
    `${where}: ${host} is not told for a repository of limited trust: \`shoal repo update ${Spec.Name} --allow notify=${host}\``,
  );
}
