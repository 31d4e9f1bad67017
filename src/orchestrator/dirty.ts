/** Whether a task still is what its service's spec asks for (swarmkit manager/orchestrator/task.go). */
import { equal } from '#base/equal';
import type { EndpointSpec } from '#model/service-spec';
import type { Task } from '#model/task';
import type { Draft } from './draft.ts';
import { fulfils } from './node-fit.ts';

/** Labels of the service, replicas and update settings never make a task dirty; its own spec and the ports do. */
export function isDirty(draft: Draft, task: Task): boolean {
  const { Spec: spec, Shoal: state } = draft.service;
  if (task.Shoal.SpecVersion === state.SpecVersion) return false;
  if (!equalEndpoints(spec.EndpointSpec, task.Shoal.EndpointSpec)) return true;
  if (equal(spec.TaskTemplate, task.Spec)) return false;
  const { Placement: placement, ...wanted } = spec.TaskTemplate;
  const { Placement: _old, ...present } = task.Spec;
  const node = draft.node(task.NodeID);
  // Where only the placement changed, a task on a node that suits it stays.
  return !(equal(wanted, present) && node !== undefined && fulfils(node, placement));
}

function equalEndpoints(a: EndpointSpec = {}, b: EndpointSpec = {}): boolean {
  return equal(a, b);
}
