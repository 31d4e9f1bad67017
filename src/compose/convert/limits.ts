/** Resources, restart policy and privileges of a service. */
import { Refusal } from '#base/refusal';
import { capabilityName } from '#model/capability';
import type { ConfigReference, Privileges, ResourceLimits, Resources, RestartPolicy, TaskSpec } from '#model/object/service-spec';
import type { DeployModel, ServiceModel } from '../project.ts';
import { filled } from './names.ts';

type Requested = NonNullable<DeployModel['resources']>;

function refuse(message: string): Refusal {
  return new Refusal('invalidArgument', message);
}

/** Nano-CPUs of `0.5`, `1/2` or `5e-1`. Throws Refusal. */
function parseCpus(text: string): number {
  const match = /^([-+]?)(\d[\d_]*(?:\.\d*)?|\.\d+)(?:[eE]([-+]?\d{1,3}))?(?:\/(\d+))?$/.exec(text);
  if (!match || match[4] === '0') throw refuse(`failed to parse ${text} as a rational number`);
  const [, sign, number = '', exponent = '0', divisor = '1'] = match;
  const [whole = '', fraction = ''] = number.replaceAll('_', '').split('.');
  const power = 9 + Number(exponent) - fraction.length;
  const numerator = BigInt(whole + fraction || '0') * 10n ** BigInt(Math.max(power, 0));
  const denominator = BigInt(divisor) * 10n ** BigInt(Math.max(-power, 0));
  if (numerator % denominator !== 0n) throw refuse('value is too precise');
  return Number(numerator / denominator) * (sign === '-' ? -1 : 1);
}

export function convertResources(requested: Requested | undefined): NonNullable<TaskSpec['Resources']> {
  const { limits, reservations } = requested ?? {};
  return {
    ...(limits && {
      Limits: filled<ResourceLimits>({ NanoCPUs: limits.cpus ? parseCpus(limits.cpus) : undefined, MemoryBytes: limits.memory, Pids: limits.pids }),
    }),
    ...(reservations && {
      Reservations: filled<Resources>({
        NanoCPUs: reservations.cpus ? parseCpus(reservations.cpus) : undefined,
        MemoryBytes: reservations.memory,
        GenericResources: reservations.generic_resources?.flatMap(({ discrete_resource_spec: spec }) =>
          spec ? [{ DiscreteResourceSpec: filled<{ Kind: string; Value: number }>({ Kind: spec.kind, Value: spec.value }) }] : [],
        ),
      }),
    }),
  };
}

/** `deploy.restart_policy`, or what `restart` means for tasks. Throws Refusal. */
export function convertRestart(service: ServiceModel): RestartPolicy | undefined {
  const policy = service.deploy?.restart_policy;
  if (policy) {
    return {
      ...(policy.condition && { Condition: policy.condition }),
      ...(policy.delay !== undefined && { Delay: policy.delay }),
      ...(policy.max_attempts !== undefined && { MaxAttempts: policy.max_attempts }),
      ...(policy.window !== undefined && { Window: policy.window }),
    };
  }
  const [name = '', ...rest] = (service.restart ?? '').split(':');
  const attempts = rest.join(':');
  if (name === '' && rest.length > 0) throw refuse('invalid restart policy format: no policy provided before colon');
  if (attempts !== '' && !/^[-+]?\d+$/.test(attempts)) {
    throw refuse('invalid restart policy format: maximum retry count must be an integer');
  }
  switch (name) {
    case '':
    case 'no':
      return undefined;
    case 'always':
    case 'unless-stopped':
      return { Condition: 'any' };
    case 'on-failure':
      return { Condition: 'on-failure', MaxAttempts: Number(attempts) };
    default:
      throw refuse(`unknown restart policy: ${service.restart ?? ''}`);
  }
}

/** Docker sends all three fields, empty ones too. A config stands there by its name in the cluster until its id is known. */
export function convertPrivileges(service: ServiceModel, configs: readonly ConfigReference[]): Privileges {
  const { config = '', file = '', registry = '' } = service.credential_spec ?? {};
  const given = Object.entries({ Config: config, File: file, Registry: registry }).flatMap(([key, value]) => (value === '' ? [] : [`"${key}"`]));
  if (given.length === 2) throw refuse(`invalid credential spec: cannot specify both ${given.join(' and ')}`);
  if (given.length > 2) throw refuse(`invalid credential spec: cannot specify both ${given.slice(0, -1).join(', ')}, and ${given.at(-1) ?? ''}`);
  const spec =
    given.length === 0 ? null : { Config: config && (configs.find((reference) => reference.Runtime)?.ConfigName ?? config), File: file, Registry: registry };
  return { CredentialSpec: spec, SELinuxContext: null, NoNewPrivileges: false };
}

/** Capabilities in their full names, sorted; adding wins over dropping, ALL stands for all others. */
export function convertCapabilities(service: ServiceModel): { add: string[]; drop: string[] } {
  const add = capabilities(service.cap_add);
  const drop = capabilities(service.cap_drop).filter((name) => !add.includes(name));
  return { add, drop };
}

function capabilities(names: readonly string[] | undefined): string[] {
  const all = new Set((names ?? []).map(capabilityName));
  return all.has('ALL') ? ['ALL'] : [...all].sort();
}
