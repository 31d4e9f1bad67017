/** What a repository may not have a stack do: everything that reaches beyond the stack's own containers, unless it is allowed. */
import { Refusal } from '#base/refusal';
import { shellQuoted } from '#base/text/shell-words';
import { allowanceText, isAllowed } from '#model/allowance';
import { namespaceLabel } from '#model/object/meta';
import { nodeLocalNetworks, type NetworkSpec } from '#model/object/network';
import { trustOf, type Repository } from '#model/object/repository';
import type { ServiceSpec } from '#model/object/service-spec';
import type { StackSource, StackSpec } from '#model/object/stack';
import type { View } from '#store/view';
import { serviceNeeds, type FieldNeed } from './container-needs.ts';
import { limitNeeds } from './limits.ts';
import { mountNeeds } from './mount-needs.ts';

/** Refuses a stack of a repository that asks for more than the repository is allowed. What an operator deploys is the operator's affair. */
export function checkPolicy(view: View, spec: StackSpec, source: StackSource): void {
  if (source.Kind !== 'repository') return;
  const repository = view.byName('repository', source.Repository);
  if (!repository) return checkNeeds(source.Repository, [], () => stackNeeds(view, spec));
  // What declares it bounds it: also what was taken from that one since.
  for (const { Spec } of [repository, ...above(view, repository)]) {
    const allowed = Spec.Allow ?? [];
    // What an operator holds a repository to, full trust does not set aside.
    checkNeeds(Spec.Name, allowed, () => [...limitNeeds(spec, allowed), ...(trustOf(Spec) === 'limited' ? stackNeeds(view, spec) : [])]);
  }
}

/** All that decides what a repository may: while it is the same text, it may the same. */
export function policyText(view: View, name: string): string {
  const repository = view.byName('repository', name);
  const line = repository ? [repository, ...above(view, repository)] : [];
  return JSON.stringify(line.map(({ Spec }) => [Spec.Name, trustOf(Spec), Spec.Allow]));
}

/** The repositories that declare it, one by the other. */
function above(view: View, repository: Repository): Repository[] {
  const found: Repository[] = [];
  for (let id = repository.Parent; id !== undefined;) {
    const parent: Repository | undefined = view.get('repository', id);
    if (!parent || found.includes(parent)) break;
    found.push(parent);
    id = parent.Parent;
  }
  return found;
}

function checkNeeds(name: string, allowed: readonly string[], needs: () => FieldNeed[]): void {
  const refused = needs().filter(({ need }) => !isAllowed(need, allowed));
  if (refused.length === 0) return;
  const whats = [...new Set(refused.map(({ what, need }) => `${what} (${allowanceText(need)})`))];
  const words = [...new Set(refused.map(({ need }) => allowanceText(need)))];
  throw new Refusal(
    'permissionDenied',
    `repository ${name} may not have this: ${whats.join('; ')}. If it is to: \`shoal repo update ${name} --allow ${words.map(quoted).join(',')}\``,
    { needs: words },
  );
}

function quoted(word: string): string {
  return /^[\w=/.,:@+-]+$/.test(word) ? word : shellQuoted(word);
}

function stackNeeds(view: View, spec: StackSpec): FieldNeed[] {
  const services = spec.Services.flatMap((service) =>
    [...serviceNeeds(service), ...fileNeeds(service, spec), ...networkTargets(service, spec), ...mounts(view, service, spec)].map((field) => ({
      ...field,
      what: `service ${service.Name}: ${field.what}`,
    })),
  );
  const { Networks, Secrets, Configs } = spec.External;
  const external = [...Networks.filter((name) => !nodeLocalNetworks.includes(name)), ...Secrets, ...Configs];
  return [
    ...services,
    ...external.map((name) => foreign(name, 'external object')),
    ...spec.Networks.flatMap(networkNeeds),
    // A service finds a network by its id before it finds one by its name.
    ...spec.Networks.filter(({ Name }) => view.get('network', Name) !== undefined).map(({ Name }) => foreign(Name, 'network')),
    ...spec.Secrets.flatMap(({ Name, Driver }) =>
      Driver ? [{ need: { word: 'secrets', value: Driver.Name }, what: `secret ${Name} of driver ${Driver.Name}` } as const] : [],
    ),
    ...taken(view, spec),
  ];
}

function foreign(name: string, what: string): FieldNeed {
  return { need: { word: 'external', value: name }, what: `${what} ${name}` };
}

/** A reference to what the stack does not declare leads to somebody else's. */
function fileNeeds({ TaskTemplate: task }: ServiceSpec, spec: StackSpec): FieldNeed[] {
  const container = task.ContainerSpec ?? {};
  const own = { secret: new Set(spec.Secrets.map(({ Name }) => Name)), config: new Set(spec.Configs.map(({ Name }) => Name)) };
  const secrets = (container.Secrets ?? []).filter(({ SecretName }) => !own.secret.has(SecretName)).map(({ SecretName }) => foreign(SecretName, 'secret'));
  const configs = (container.Configs ?? []).filter(({ ConfigName }) => !own.config.has(ConfigName)).map(({ ConfigName }) => foreign(ConfigName, 'config'));
  const credential = container.Privileges?.CredentialSpec?.Config;
  return [...secrets, ...configs, ...(credential && !own.config.has(credential) ? [foreign(credential, 'config')] : [])];
}

function networkTargets({ TaskTemplate: task, Networks }: ServiceSpec, spec: StackSpec): FieldNeed[] {
  const own = new Set(spec.Networks.map(({ Name }) => Name));
  const targets = [...(task.Networks ?? []), ...(Networks ?? [])].map(({ Target = '' }) => Target);
  return targets
    .filter((name) => !own.has(name) && !nodeLocalNetworks.includes(name) && !name.startsWith('container:'))
    .map((name) => foreign(name, 'network'));
}

function networkNeeds({ Name, Driver = '', Options = {}, IPAM, Ingress }: NetworkSpec): FieldNeed[] {
  const usual = /^(encrypted|com\.docker\.network\.driver\.mtu)$/;
  const needs: [boolean, string, string][] = [
    [Driver !== '' && Driver !== 'overlay', Driver, `driver ${Driver}`],
    [Object.keys(Options).some((key) => !usual.test(key)), 'options', 'driver options'],
    [Boolean(IPAM?.Driver) && IPAM?.Driver !== 'default', IPAM?.Driver ?? '', `address driver ${IPAM?.Driver ?? ''}`],
    [(IPAM?.Config ?? []).some(({ Subnet, IPRange, Gateway }) => Subnet || IPRange || Gateway), 'subnets', 'a subnet of its own'],
    [Ingress === true, 'ingress', 'the ingress network'],
  ];
  return needs.filter(([asked]) => asked).map(([, value, what]) => ({ need: { word: 'networks', value }, what: `network ${Name}: ${what}` }));
}

/** The stack's own volumes begin with its name, and no other stack has them. */
function mounts(view: View, service: ServiceSpec, { Name }: StackSpec): FieldNeed[] {
  const list = service.TaskTemplate.ContainerSpec?.Mounts ?? [];
  return list.flatMap((mount) => mountNeeds(mount, (volume) => volume.startsWith(`${Name}_`) && !isOfAnother(view, Name, volume)));
}

function isOfAnother(view: View, stack: string, volume: string): boolean {
  return [...view.find('service', 'volume', volume)].some(({ Spec }) => Spec.Labels?.[namespaceLabel] !== stack);
}

/** A secret or config that is there already and is not the stack's cannot be had by declaring it. */
function taken(view: View, spec: StackSpec): FieldNeed[] {
  const check = (kind: 'secret' | 'config', names: readonly string[]): FieldNeed[] =>
    names
      .filter((name) => {
        const present = view.byName(kind, name);
        return present !== undefined && present.Spec.Labels?.[namespaceLabel] !== spec.Name;
      })
      .map((name) => foreign(name, kind));
  // A name that gets a version is not the one that it is stored under.
  const named = (specs: StackSpec['Secrets'], versioned: readonly string[] = []): string[] =>
    specs.map(({ Name }) => Name).filter((name) => !versioned.includes(name));
  return [...check('secret', named(spec.Secrets, spec.Versioned?.Secrets)), ...check('config', named(spec.Configs, spec.Versioned?.Configs))];
}
