/** Whether a task still is what its service's spec asks for (swarmkit manager/orchestrator/task.go). */
import { roleOf } from './manager-address.ts';
import { equal } from '#base/equal';
import { nodeMatches, parseConstraints } from './constraint.ts';
import type { Node } from './object/node.ts';
import type { EndpointSpec, Placement, ServiceSpec } from './object/service-spec.ts';
import type { Service } from './object/service.ts';
import type { Task } from './object/task.ts';

/** Labels of the service, replicas and update settings never make a task dirty; its own spec and the ports do. `node` is the one it runs on. */
export function isDirty({ Spec: spec, Shoal: state }: Service, task: Task, node: Node | undefined): boolean {
  if (task.Shoal.SpecVersion === state.SpecVersion) return false;
  if (!equalEndpoints(spec.EndpointSpec, task.Shoal.EndpointSpec)) return true;
  if (equal(spec.TaskTemplate, task.Spec)) return false;
  // Where only the placement changed, a task on a node that suits it stays.
  return !(sameButForPlacement(spec, task) && node !== undefined && fulfils(node, spec.TaskTemplate.Placement));
}

/** The task is what the spec asks for, but perhaps not where. */
export function differsInPlacementOnly({ Spec: spec }: Service, task: Task): boolean {
  return equalEndpoints(spec.EndpointSpec, task.Shoal.EndpointSpec) && sameButForPlacement(spec, task);
}

function sameButForPlacement(spec: ServiceSpec, task: Task): boolean {
  const { Placement: _wanted, ...wanted } = spec.TaskTemplate;
  const { Placement: _present, ...present } = task.Spec;
  return equal(wanted, present);
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
