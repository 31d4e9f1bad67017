/** `x-shoal: {ignore: [deploy.replicas]}`: what of a service belongs to somebody else, an autoscaler or an operator, and is left as it is found. */
import type { ServiceSpec } from '../object/service-spec.ts';
import { optionPrefix } from './service-options.ts';

export const ignoreOption = 'ignore';
export const ignoreLabel = `${optionPrefix}${ignoreOption}`;
const variable = /^environment\.([^\s,=]+)$/;

/** The live service's value in the place of the file's. */
type Keep = (wanted: ServiceSpec, live: ServiceSpec) => ServiceSpec;

const words: Readonly<Record<string, Keep>> = {
  'deploy.replicas': (wanted, live) =>
    wanted.Mode?.Replicated && live.Mode?.Replicated ? { ...wanted, Mode: { Replicated: { ...wanted.Mode.Replicated, ...replicasOf(live) } } } : wanted,
  'deploy.resources': (wanted, live) => inTask(wanted, live, 'Resources'),
  'deploy.placement': (wanted, live) => inTask(wanted, live, 'Placement'),
  'deploy.restart_policy': (wanted, live) => inTask(wanted, live, 'RestartPolicy'),
  'deploy.update_config': (wanted, live) => keepMember(wanted, live, 'UpdateConfig'),
  'deploy.rollback_config': (wanted, live) => keepMember(wanted, live, 'RollbackConfig'),
  image: (wanted, live) => inContainer(wanted, live, 'Image'),
  command: (wanted, live) => inContainer(wanted, live, 'Args'),
  environment: (wanted, live) => inContainer(wanted, live, 'Env'),
};

/** What may be said, for people. */
export const ignorableWords: readonly string[] = [...Object.keys(words), 'environment.NAME'];

export function isIgnorable(word: string): boolean {
  return Object.hasOwn(words, word) || variable.test(word);
}

/** As many words count: each is looked for in all of a service. */
export const mostIgnored = 100;

/** The words of a label's value, each once. */
export function ignoredWords(value: string | undefined): string[] {
  return [...new Set((value ?? '').split(',').filter((word) => word !== ''))];
}

/** `wanted`, but for what it says is not its own, which is as the service has it now. */
export function withIgnored(wanted: ServiceSpec, live: ServiceSpec): ServiceSpec {
  const said = ignoredWords(wanted.Labels?.[ignoreLabel]).slice(0, mostIgnored);
  return said.reduce((spec, word) => {
    const name = variable.exec(word)?.[1];
    if (name !== undefined) return keepVariable(spec, live, name);
    return Object.hasOwn(words, word) ? (words[word]?.(spec, live) ?? spec) : spec;
  }, wanted);
}

function replicasOf(live: ServiceSpec): { Replicas?: number } {
  const Replicas = live.Mode?.Replicated?.Replicas;
  return Replicas === undefined ? {} : { Replicas };
}

function keepVariable(wanted: ServiceSpec, live: ServiceSpec, name: string): ServiceSpec {
  const isIt = (text: string): boolean => text === name || text.startsWith(`${name}=`);
  const [asked = [], present = []] = [wanted.TaskTemplate.ContainerSpec?.Env, live.TaskTemplate.ContainerSpec?.Env];
  const found = present.find(isIt);
  const at = asked.findIndex(isIt);
  const others = asked.filter((text) => !isIt(text));
  const Env = found === undefined ? others : at < 0 ? [...others, found] : asked.map((text) => (isIt(text) ? found : text));
  const ContainerSpec = { ...wanted.TaskTemplate.ContainerSpec, Env };
  return { ...wanted, TaskTemplate: { ...wanted.TaskTemplate, ContainerSpec } };
}

function inTask<K extends 'Resources' | 'Placement' | 'RestartPolicy'>(wanted: ServiceSpec, live: ServiceSpec, key: K): ServiceSpec {
  return { ...wanted, TaskTemplate: keepMember(wanted.TaskTemplate, live.TaskTemplate, key) };
}

function inContainer<K extends 'Image' | 'Args' | 'Env'>(wanted: ServiceSpec, live: ServiceSpec, key: K): ServiceSpec {
  const ContainerSpec = keepMember(wanted.TaskTemplate.ContainerSpec ?? {}, live.TaskTemplate.ContainerSpec ?? {}, key);
  return { ...wanted, TaskTemplate: { ...wanted.TaskTemplate, ContainerSpec } };
}

function keepMember<T extends object, K extends keyof T>(wanted: T, live: T, key: K): T {
  const { [key]: _asked, ...rest } = wanted;
  return (live[key] === undefined ? rest : { ...rest, [key]: live[key] }) as T;
}
