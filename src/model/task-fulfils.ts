/** Whether a task still is what its service's spec asks for (swarmkit manager/orchestrator/task.go). */
import { roleOf } from './manager-address.ts';
import { equal } from '#base/equal';
import { nodeMatches, parseConstraints } from './constraint.ts';
import type { Node } from './object/node.ts';
import type { EndpointSpec, Placement, ServiceSpec, TaskSpec } from './object/service-spec.ts';
import type { Service } from './object/service.ts';
import type { Task } from './object/task.ts';

/** Labels of the service, replicas and update settings never make a task dirty; its own spec and the ports do. `node` is the one it runs on. */
export function isDirty({ Spec: spec, Shoal: state }: Service, task: Task, node: Node | undefined): boolean {
  if (task.Shoal.SpecVersion === state.SpecVersion) return false;
  if (!equalEndpoints(spec.EndpointSpec, task.Shoal.EndpointSpec)) return true;
  if (compared(spec.TaskTemplate, task.Spec).equal) return false;
  // Where only the placement changed, a task on a node that suits it stays.
  return !(sameButForPlacement(spec, task) && node !== undefined && fulfils(node, spec.TaskTemplate.Placement));
}

/** The task is what the spec asks for, but perhaps not where. */
export function differsInPlacementOnly({ Spec: spec }: Service, task: Task): boolean {
  return equalEndpoints(spec.EndpointSpec, task.Shoal.EndpointSpec) && sameButForPlacement(spec, task);
}

function sameButForPlacement(spec: ServiceSpec, task: Task): boolean {
  return compared(spec.TaskTemplate, task.Spec).butForPlacement;
}

interface Comparison {
  equal: boolean;
  butForPlacement: boolean;
}

/** By what is wanted, then by what is there: the tasks of a service share their spec, and an update asks of each of them again and again. */
const comparisons = new WeakMap<TaskSpec, WeakMap<TaskSpec, Comparison>>();

function compared(wanted: TaskSpec, present: TaskSpec): Comparison {
  let known = comparisons.get(wanted);
  if (!known) comparisons.set(wanted, (known = new WeakMap()));
  let comparison = known.get(present);
  if (!comparison)
    known.set(present, (comparison = { equal: equal(wanted, present), butForPlacement: equal(withoutPlacement(wanted), withoutPlacement(present)) }));
  return comparison;
}

function withoutPlacement({ Placement: _placement, ...others }: TaskSpec): Omit<TaskSpec, 'Placement'> {
  return others;
}

/** As the service's present spec wants it, and of its present run when it is a job. `node` is the one it runs on. */
export function isUpToDate(service: Service, task: Task, node: Node | undefined): boolean {
  if (isDirty(service, task, node)) return false;
  return service.JobStatus === undefined || service.JobStatus.JobIteration.Index === task.JobIteration?.Index;
}

/** The node fulfils the placement's constraints; preferences and the limit per node are the scheduler's. */
export function fulfils(node: Node, placement: Placement | undefined): boolean {
  const expressions = placement?.Constraints;
  if (!expressions || expressions.length === 0) return true;
  return nodeMatches(parseConstraints(expressions), node, roleOf(node));
}

function equalEndpoints(a: EndpointSpec = {}, b: EndpointSpec = {}): boolean {
  return equal(a, b);
}
