/** What dockerd itself refuses of a service spec, before its manager is asked: its texts carry no prefix there, so they don't here (moby daemon/cluster/convert). */
import { Refusal } from '#base/refusal';
import type { ConfigReference, Privileges, ServiceMode, ServiceSpec, TaskSpec, UpdateConfig } from '#model/object/service-spec';

export function checkConversion(spec: ServiceSpec): void {
  const task = spec.TaskTemplate ?? {};
  checkRuntime(task);
  for (const reference of task.ContainerSpec?.Configs ?? []) checkConfig(reference);
  checkCredential(task.ContainerSpec?.Privileges?.CredentialSpec);
  const condition = task.RestartPolicy?.Condition;
  if (condition && !['none', 'on-failure', 'any'].includes(condition)) throw refused(`invalid RestartCondition: "${condition}"`);
  checkUpdate(spec.UpdateConfig);
  checkUpdate(spec.RollbackConfig);
  const resolution = spec.EndpointSpec?.Mode ?? '';
  if (!['', 'vip', 'dnsrr'].includes(resolution)) throw refused(`invalid resolution mode: "${resolution}"`);
  checkMode(spec.Mode);
}

function checkRuntime({ ContainerSpec, Runtime }: TaskSpec): void {
  if (!ContainerSpec || Runtime === 'plugin') throw refused('mismatched Runtime and *Spec fields');
  if (Runtime && Runtime !== 'container') throw refused('unsupported runtime');
}

function checkConfig({ File, Runtime }: ConfigReference): void {
  if (!File && !Runtime) throw refused('invalid Config: either File or Runtime should be set');
  if (File && Runtime) throw refused('invalid Config: cannot specify both File and Runtime');
}

function checkCredential(credential: Privileges['CredentialSpec']): void {
  if (!credential) return;
  const given = (['Config', 'File', 'Registry'] as const).filter((key) => credential[key]).map((key) => `"${key.toLowerCase()}"`);
  const text = 'invalid CredentialSpec:';
  if (given.length === 0) throw refused(`${text} must either provide "file", "registry", or "config" for credential spec`);
  if (given.length === 3) throw refused(`${text} cannot specify both ${given[0]}, ${given[1]}, and ${given[2]} credential specs`);
  if (given.length === 2) throw refused(`${text} cannot specify both ${given.join(' and ')} credential specs`);
}

function checkUpdate(config: UpdateConfig | undefined): void {
  const { FailureAction: action, Order: order } = config ?? {};
  if (action && !['pause', 'continue', 'rollback'].includes(action)) throw refused(`unrecognized update failure action ${action}`);
  if (order && !['stop-first', 'start-first'].includes(order)) throw refused(`unrecognized update order ${order}`);
}

function checkMode(mode: ServiceMode | undefined): void {
  const said = Object.values(mode ?? {}).filter((each) => each !== undefined && each !== null);
  if (said.length > 1) throw refused('must specify only one service mode');
}

function refused(text: string): Refusal {
  return new Refusal('invalidArgument', text, { plain: true });
}
