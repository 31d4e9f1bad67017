/** What Docker has no word for about a published port, said by labels of its service: `shoal.source`, for one port `shoal.source.8080-tcp`. */
import { Refusal } from '#base/refusal';
import type { PortOptions, PortSource } from '../object/assignment.ts';
import type { PortConfig, ServiceSpec } from '../object/service-spec.ts';
import { ignorableWords, ignoredWords, ignoreOption, isIgnorable } from '../options/ignored.ts';
import { optionPrefix as prefix, serviceOptionValues } from '../options/service-options.ts';
import { isIngress, parseTargetKey, protocolOf } from './port.ts';

const sources: readonly string[] = ['client', 'masquerade', 'local', 'proxy'] satisfies PortSource[];
const values: Readonly<Record<string, readonly string[]>> = { source: sources, sticky: ['true', 'false'] };
/** Every key that a label of ours may have, and what it may say. */
export const optionValues: Readonly<Record<string, readonly string[]>> = { ...values, ...serviceOptionValues };

/** Of one ingress port of a service with `labels`. What cannot be understood is as if it were not said. */
export function portOptions(port: PortConfig, ports: readonly PortConfig[], labels: ServiceSpec['Labels']): PortOptions {
  const said = (key: string): string | undefined => {
    const own = Object.entries(labels ?? {}).find(
      ([label]) => label.startsWith(`${prefix}${key}.`) && meant(label.slice(prefix.length + key.length + 1), ports).includes(port),
    );
    return own?.[1] ?? labels?.[prefix + key];
  };
  const source = said('source');
  return {
    ...(source !== undefined && source !== 'client' && sources.includes(source) && { Source: source as Exclude<PortSource, 'client'> }),
    ...(said('sticky') === 'true' && { Sticky: true }),
  };
}

/** Refuses labels of ours that mean nothing, and what a port cannot do. */
export function checkPortOptions({ Labels = {}, EndpointSpec }: ServiceSpec): void {
  const ports = EndpointSpec?.Ports ?? [];
  for (const [label, value] of Object.entries(Labels)) {
    if (label.startsWith(prefix)) checkLabel(label, value, ports);
  }
  for (const port of ports) {
    const name = `${port.PublishedPort ?? port.TargetPort ?? 0}/${protocolOf(port)}`;
    if (!isIngress(port) || protocolOf(port) === 'tcp' || portOptions(port, ports, Labels).Source !== 'proxy') continue;
    refuse(`port ${name}: a PROXY header is sent by TCP only; choose another shoal.source for it`);
  }
}

function checkLabel(label: string, value: string, ports: readonly PortConfig[]): void {
  const [key = '', number, ...rest] = label.slice(prefix.length).split('.');
  if (key === ignoreOption && number === undefined) return checkIgnored(label, value);
  const allowed = optionValues[key];
  if (!allowed || rest.length > 0 || (number !== undefined && !(key in values)))
    refuse(
      `label ${label} is not known: of a service there are ${[...Object.keys(optionValues), ignoreOption].map((each) => `${prefix}${each}`).join(' and ')}`,
    );
  if (!allowed.includes(value)) refuse(`label ${label}: '${value}' is none of ${allowed.join(', ')}`);
  if (number === undefined) return;
  const found = meant(number, ports);
  if (found.length === 0) refuse(`label ${label}: the service publishes no port ${number.replace('-', '/')}`);
  if (!found.some(isIngress)) refuse(`label ${label}: the port is published in host mode, where the engine alone leads to its task`);
}

function checkIgnored(label: string, value: string): void {
  const words = ignoredWords(value);
  const wrong = words.find((word) => !isIgnorable(word));
  if (words.length === 0 || wrong !== undefined) refuse(`label ${label}: '${wrong ?? value}' is none of ${ignorableWords.join(', ')}`);
}

/** `8080-tcp`: the port with that published number, else those with that target. */
function meant(name: string, ports: readonly PortConfig[]): readonly PortConfig[] {
  const named = name.includes('-') ? parseTargetKey(name.replace('-', '/')) : undefined;
  if (!named) return [];
  const { TargetPort: number, Protocol: protocol } = named;
  const same = ports.filter((port) => protocolOf(port) === protocol);
  const published = same.filter(({ PublishedPort }) => PublishedPort === number);
  return published.length > 0 ? published : same.filter(({ TargetPort }) => TargetPort === number);
}

function refuse(text: string): never {
  throw new Refusal('invalidArgument', text);
}
