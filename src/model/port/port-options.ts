/** What Docker has no word for about a published port, said by labels of its service: `shoal.source`, for one port `shoal.source.8080-tcp`. */
import { own } from '#base/text/own';
import { Refusal } from '#base/refusal';
import type { PortOptions, PortSource } from '../object/assignment.ts';
import type { PortConfig, ServiceSpec } from '../object/service-spec.ts';
import { ignorableWords, ignoredWords, ignoreOption, isIgnorable, mostIgnored } from '../options/ignored.ts';
import { optionPrefix as prefix, serviceOptionValues } from '../options/service-options.ts';
import { isIngress, listedBy, parseTargetKey, protocolOf, publishedKey, targetKey } from './port.ts';

const sources: readonly string[] = ['client', 'masquerade', 'local', 'proxy'] satisfies PortSource[];
const values: Readonly<Record<string, readonly string[]>> = { source: sources, sticky: ['true', 'false'] };
/** Every key that a label of ours may have, and what it may say. */
export const optionValues: Readonly<Record<string, readonly string[]>> = { ...values, ...serviceOptionValues };

/** Of the ingress ports of a service with `labels`, by port; one of which nothing is said is not among them. What cannot be understood is as if it were not said. */
export function portOptions(ports: readonly PortConfig[], labels: ServiceSpec['Labels'] = {}): ReadonlyMap<PortConfig, PortOptions> {
  const ours = Object.entries(labels).filter(([label]) => label.startsWith(prefix));
  const found = new Map<PortConfig, PortOptions>();
  if (ours.length === 0) return found;
  const meant = portsByName(ports);
  const saidBy = new Map(Object.keys(values).map((key) => [key, new Map<PortConfig, string>()]));
  for (const [label, value] of ours) {
    const [key, number] = splitLabel(label);
    const said = saidBy.get(key);
    if (said && number !== undefined) for (const port of meant(number)) if (!said.has(port)) said.set(port, value);
  }
  for (const port of ports.filter(isIngress)) {
    const said = (key: string): string | undefined => saidBy.get(key)?.get(port) ?? own(labels, prefix + key);
    const source = said('source');
    const options: PortOptions = {
      ...(source !== undefined && source !== 'client' && sources.includes(source) && { Source: source as Exclude<PortSource, 'client'> }),
      ...(said('sticky') === 'true' && { Sticky: true }),
    };
    if (Object.keys(options).length > 0) found.set(port, options);
  }
  return found;
}

/** `shoal.source.8080-tcp`: `source` and `8080-tcp`. */
function splitLabel(label: string): [key: string, number: string | undefined] {
  const words = label.slice(prefix.length);
  const dot = words.indexOf('.');
  return dot < 0 ? [words, undefined] : [words.slice(0, dot), words.slice(dot + 1)];
}

/** Refuses labels of ours that mean nothing, and what a port cannot do. */
export function checkPortOptions({ Labels = {}, EndpointSpec }: ServiceSpec): void {
  const ports = EndpointSpec?.Ports ?? [];
  const meant = portsByName(ports);
  for (const [label, value] of Object.entries(Labels)) {
    if (label.startsWith(prefix)) checkLabel(label, value, meant);
  }
  for (const [port, { Source }] of portOptions(ports, Labels)) {
    const name = `${port.PublishedPort ?? port.TargetPort ?? 0}/${protocolOf(port)}`;
    if (protocolOf(port) === 'tcp' || Source !== 'proxy') continue;
    refuse(`port ${name}: a PROXY header is sent by TCP only; choose another shoal.source for it`);
  }
}

function checkLabel(label: string, value: string, meant: PortsByName): void {
  const [key, number] = splitLabel(label);
  if (key === ignoreOption && number === undefined) return checkIgnored(label, value);
  const allowed = own(optionValues, key);
  if (!allowed || number?.includes('.') || (number !== undefined && !own(values, key)))
    refuse(
      `label ${label} is not known: of a service there are ${[...Object.keys(optionValues), ignoreOption].map((each) => `${prefix}${each}`).join(' and ')}`,
    );
  if (!allowed.includes(value)) refuse(`label ${label}: '${value}' is none of ${allowed.join(', ')}`);
  if (number === undefined) return;
  const found = meant(number);
  if (found.length === 0) refuse(`label ${label}: the service publishes no port ${number.replace('-', '/')}`);
  if (!found.some(isIngress)) refuse(`label ${label}: the port is published in host mode, where the engine alone leads to its task`);
}

function checkIgnored(label: string, value: string): void {
  const words = ignoredWords(value);
  const wrong = words.find((word) => !isIgnorable(word));
  if (words.length > mostIgnored) refuse(`label ${label}: ${words.length} words are more than the ${mostIgnored} that there may be`);
  if (words.length === 0 || wrong !== undefined) refuse(`label ${label}: '${wrong ?? value}' is none of ${ignorableWords.join(', ')}`);
}

type PortsByName = (name: string) => readonly PortConfig[];

/** `8080-tcp`: the port with that published number, else those with that target. */
function portsByName(ports: readonly PortConfig[]): PortsByName {
  const published = listedBy(ports, (port) => publishedKey(port));
  const targets = listedBy(ports, targetKey);
  return (name) => {
    const named = name.includes('-') ? parseTargetKey(name.replace('-', '/')) : undefined;
    if (!named?.TargetPort) return [];
    return published.get(publishedKey(named, named.TargetPort)) ?? targets.get(targetKey(named)) ?? [];
  };
}

function refuse(text: string): never {
  throw new Refusal('invalidArgument', text);
}
