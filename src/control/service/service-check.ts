/** What a service spec must fulfil by itself (swarmkit manager/controlapi/service.go). */
import { parseConstraints } from '#model/constraint';
import { Refusal } from '#base/refusal';
import { isAddress } from '#model/address';
import { modeOf, defaults } from '#model/object/service';
import { serviceSpec } from '#model/shape/service-shape';
import type { EndpointSpec, ServiceSpec, TaskSpec, UpdateConfig } from '#model/object/service-spec';
import { hostAddressOf, isIngress, publishedKey } from '#model/port/port';
import { checkPortOptions } from '#model/port/port-options';
import { checkContainer } from './container-check.ts';
import { checkBounds } from './service-bounds.ts';
import { checkName } from '../names.ts';
import { checkConversion } from './conversion-check.ts';
import { checkTemplates } from './template-check.ts';

const minimumNanoCpus = 1e6;
const minimumMemoryBytes = 4 * 1024 * 1024;

/** Checks all that needs no view. Refuses with `invalidArgument` and the words that docker's users know. */
export function checkServiceSpec(spec: ServiceSpec): void {
  // Specs from Git come past the API's door: the table of types is one for all.
  serviceSpec(spec, '');
  checkConversion(spec);
  checkName(spec.Name);
  checkBounds(spec);
  checkTask(spec.TaskTemplate ?? {});
  checkTemplates(spec);
  checkMode(spec);
  checkUpdate(spec.UpdateConfig);
  checkUpdate(spec.RollbackConfig);
  checkEndpoint(spec.EndpointSpec);
  checkPortOptions(spec);
}

function checkTask(task: TaskSpec): void {
  checkResources(task);
  checkRestart(task);
  parseConstraints(task.Placement?.Constraints ?? []);
  if (task.ContainerSpec) checkContainer(task.ContainerSpec);
}

function checkResources(task: TaskSpec): void {
  for (const resources of [task.Resources?.Limits, task.Resources?.Reservations]) {
    const cpus = resources?.NanoCPUs ?? 0;
    const memory = resources?.MemoryBytes ?? 0;
    if (cpus !== 0 && cpus < minimumNanoCpus) {
      throw new Refusal('invalidArgument', `invalid cpu value ${goFloat(cpus / 1e9)}: Must be at least ${minimumNanoCpus / 1e9}`);
    }
    if (memory !== 0 && memory < minimumMemoryBytes) {
      throw new Refusal('invalidArgument', `invalid memory value ${memory}: Must be at least 4MiB`);
    }
  }
}

/** As Go prints it: small ones with two digits behind the e. */
function goFloat(value: number): string {
  return value !== 0 && Math.abs(value) < 1e-4 ? value.toExponential().replace(/e-(\d)$/, 'e-0$1') : String(value);
}

function checkRestart(task: TaskSpec): void {
  const policy = task.RestartPolicy;
  if ((policy?.Delay ?? 0) < 0) throw new Refusal('invalidArgument', 'TaskSpec: restart-delay cannot be negative');
  if ((policy?.Window ?? 0) < 0) throw new Refusal('invalidArgument', 'TaskSpec: restart-window cannot be negative');
}

function checkMode(spec: ServiceSpec): void {
  const job = modeOf(spec).endsWith('-job');
  if (job && spec.UpdateConfig) throw new Refusal('invalidArgument', 'Jobs may not have an update config');
}

function checkUpdate(config: UpdateConfig | undefined): void {
  if (!config) return;
  const ratio = config.MaxFailureRatio ?? defaults.update.MaxFailureRatio;
  if ((config.Delay ?? 0) < 0) throw new Refusal('invalidArgument', 'TaskSpec: update-delay cannot be negative');
  if ((config.Monitor ?? 0) < 0) throw new Refusal('invalidArgument', 'TaskSpec: update-monitor cannot be negative');
  if (ratio < 0 || ratio > 1) {
    throw new Refusal('invalidArgument', 'TaskSpec: update-maxfailureratio cannot be less than 0 or bigger than 1');
  }
}

function checkEndpoint(spec: EndpointSpec | undefined): void {
  const mode = spec?.Mode ?? '';
  const published = new Set<string>();
  for (const port of spec?.Ports ?? []) {
    if (mode === 'dnsrr' && isIngress(port)) {
      throw new Refusal('invalidArgument', "EndpointSpec: port published with ingress mode can't be used with dnsrr mode");
    }
    const address = hostAddressOf(port);
    if (address !== '' && !isAddress(address))
      throw new Refusal('invalidArgument', `EndpointSpec: ${JSON.stringify(address)} is no address that a port can be published for`);
    const key = `${publishedKey(port)} ${address}`;
    if (port.PublishedPort && published.has(key)) {
      throw new Refusal('invalidArgument', 'EndpointSpec: duplicate published ports provided');
    }
    published.add(key);
    checkPort(port.TargetPort);
    checkPort(port.PublishedPort);
  }
}

function checkPort(port: number | undefined): void {
  if (port !== undefined && !(Number.isInteger(port) && port >= 0 && port <= 65_535)) {
    throw new Refusal('invalidArgument', `EndpointSpec: invalid port ${port}: must be between 0 and 65535`);
  }
}
