/** The one verdict on how a service fares: for the API, the reconciler, metrics and every command that waits. */
import { timeOf } from '#base/clock';
import { milliseconds } from '#base/text/duration';
import type { Node } from '../object/node.ts';
import { isIngress } from '../port/port.ts';
import { clashesOf, saidAmong, type Clash } from './clashes.ts';
import { defaults, isFinishedJob, modeOf, type Service, type ServiceState, type UpdateStatus } from '../object/service.ts';
import { slotsOf, type SlotHealth } from './slot-health.ts';
import { wasRolledBack } from './rolled-back.ts';
import type { HealthState } from '../object/states.ts';
import type { Task } from '../object/task.ts';
import { isFailure } from '../object/task-state.ts';

export interface ServiceHealth {
  state: HealthState;
  /** Why, for people; '' when it is healthy. */
  message: string;
  running: number;
  wanted: number;
  /** One per slot or node, in order. */
  slots: readonly SlotHealth[];
  /** Distinct reasons of tasks that ended or cannot go on. */
  reasons: readonly string[];
  /** The spec that was wanted was given up for the one before. */
  rolledBack?: true;
  /** All are up, and this long (ms) they must stay so. */
  verifyingMs?: number;
}

export interface HealthFacts {
  service: Pick<Service, 'Spec' | 'PreviousSpec' | 'UpdateStatus' | 'JobStatus' | 'UpdatedAt'> & { Shoal?: Pick<ServiceState, 'Steady' | 'Finished'> };
  /** Tasks that are as the service's spec wants them, and of its present run, in the order in which they were made. */
  tasks: readonly Task[];
  /** Its other tasks: they hold the reasons of a rollback. */
  others?: readonly Task[];
  /** The same map for all services that are judged together. */
  nodes: ReadonlyMap<string, Node>;
  /** Milliseconds, by the clock that stamped the tasks. */
  now: number;
  /** Leave out what an earlier update came to: `update` all of it, `rollback` one that was asked for. */
  except?: 'update' | 'rollback';
}

/** How long nothing may be heard of a service that nowhere fits, milliseconds. */
const nowhereMs = 15_000;

export function serviceHealth(facts: HealthFacts): ServiceHealth {
  const { service, tasks, nodes, now } = facts;
  const steady = service.Shoal?.Steady;
  if (steady) return { state: 'healthy', message: '', running: steady.Running, wanted: steady.Wanted, slots: [], reasons: [] };
  if (isFinishedJob(service)) {
    const wanted = wantedCount(service, []);
    return { state: 'healthy', message: '', running: wanted, wanted, slots: [], reasons: [] };
  }
  const monitorMs = milliseconds(service.Spec.UpdateConfig?.Monitor || undefined, defaults.update.Monitor);
  const slots = slotsOf({ spec: service.Spec, tasks, nodes, now, monitorMs });
  const wanted = wantedCount(service, slots);
  const running = slots.filter((slot) => slot.up || slot.done).length;
  const clashes = clashesIn(facts);
  const reasons = [...new Set([...tasks.flatMap(errorOf), ...clashes.flatMap(({ text, believed }) => (believed ? [] : [text]))])];
  const counts = { running, wanted, slots, reasons };
  const update = facts.except === 'update' ? undefined : updateHealth(facts, slots, running >= wanted);
  return { ...counts, ...(update ?? clashHealth(clashes) ?? ownHealth(service, counts, now)) };
}

type Judged = Pick<ServiceHealth, 'state' | 'message'> & Partial<ServiceHealth>;

/** What the last update or rollback says; undefined: the tasks decide. */
function updateHealth({ service, others = [], except }: HealthFacts, slots: readonly SlotHealth[], up: boolean): Judged | undefined {
  const status = service.UpdateStatus;
  // Docker takes a one-shot that ends while its update is watched for a failure, well as it may have ended.
  const finished = up && slots.length > 0 && slots.every((slot) => slot.done);
  if (!status || finished) return undefined;
  if (status.State === 'paused') return { state: 'failing', message: said('update paused', status) };
  if (status.State === 'rollback_paused') return { state: 'failing', message: said('rollback paused', status) };
  const back = status.State === 'rollback_completed' || status.State === 'rollback_started';
  if (!back || except === 'rollback' || !wasRolledBack(service)) return undefined;
  const worst = slots.find((slot) => slot.state === 'failing');
  const reasons = [...new Set(others.filter((task) => isFailure(task.Status.State)).flatMap(errorOf))];
  const last = reasons.at(-1);
  const message = `${said(status.State === 'rollback_completed' ? 'rolled back' : 'rolling back', status)}${last === undefined ? '' : `: ${last}`}`;
  return {
    state: worst ? 'failing' : 'degraded',
    message: worst ? `${message}; ${worst.message}` : message,
    reasons,
    ...(status.State === 'rollback_completed' && { rolledBack: true }),
  };
}

/** `update paused: <Docker's sentence>`; a sentence that says so itself is left alone. */
function said(what: string, { Message }: UpdateStatus): string {
  return Message === '' || Message.startsWith(what) ? Message || what : `${what}: ${Message}`;
}

function ownHealth(
  { Spec: spec, UpdatedAt, UpdateStatus: status }: HealthFacts['service'],
  { running, wanted, slots }: Omit<ServiceHealth, 'state' | 'message'>,
  now: number,
): Judged {
  const first = (state: HealthState): SlotHealth | undefined => slots.find((slot) => slot.state === state);
  const failing = first('failing');
  if (failing) return { state: 'failing', message: failing.message };
  const degraded = first('degraded');
  if (degraded) return { state: 'degraded', message: degraded.message };
  if (wanted === 0 && modeOf(spec).startsWith('global') && slots.length === 0) {
    const waited = now - timeOf(UpdatedAt);
    return waited < nowhereMs ? { state: 'progressing', message: 'no task yet' } : { state: 'failing', message: 'it runs nowhere: no node suits it' };
  }
  if (running < wanted) return { state: 'progressing', message: `${running} of ${wanted} running` };
  const verifyingMs = Math.max(0, ...slots.map((slot) => slot.verifyingMs ?? 0));
  if (verifyingMs > 0) return { state: 'progressing', message: `${running} of ${wanted} running, verifying that it stays so`, verifyingMs };
  if (status?.State === 'updating' || status?.State === 'rollback_started') return { state: 'progressing', message: status.Message };
  return { state: 'healthy', message: '' };
}

/** What nodes say of the service's published ports. */
function clashesIn({ service: { Spec }, tasks, nodes }: HealthFacts): Clash[] {
  return (Spec.EndpointSpec?.Ports ?? []).some(isIngress) ? clashesOf(Spec.Name, tasks, saidAmong(nodes)) : [];
}

/** A port that some node cannot serve is a service that some clients do not reach: nothing comes of waiting. */
function clashHealth([first]: readonly Clash[]): Judged | undefined {
  return first?.believed ? { state: 'failing', message: first.text, reasons: [first.text] } : undefined;
}

function wantedCount({ Spec: { Mode } }: HealthFacts['service'], slots: readonly SlotHealth[]): number {
  if (Mode?.ReplicatedJob) return Mode.ReplicatedJob.TotalCompletions ?? Mode.ReplicatedJob.MaxConcurrent ?? 1;
  if (Mode?.Global || Mode?.GlobalJob) return slots.filter((slot) => slot.wanted).length;
  return Mode?.Replicated?.Replicas ?? 1;
}

function errorOf(task: Task): string[] {
  return task.Status.Err ? [task.Status.Err] : [];
}

/** Those of `tasks` that failed since `sinceMs`, each reason once: after a rollback they are no longer among the newest. */
export function failuresSince(tasks: readonly Task[], sinceMs: number): string[] {
  const failed = tasks.filter((task) => isFailure(task.Status.State) && timeOf(task.CreatedAt) >= sinceMs);
  return [...new Set(failed.flatMap(errorOf))];
}
