/** `--external-ca protocol=cfssl,url=URL[,cacert=FILE][,KEY=VALUE]`, as docker's command line reads it. */
import { readFileSync } from 'node:fs';
import type { ExternalCa } from '#model/object/cluster';
import { CommandError, exitCodes } from '../../command-error.ts';

export const externalCaFlag = ['--external-ca <spec>', 'authority that signs certificates of nodes: protocol=cfssl,url=URL[,cacert=FILE]'] as const;

export function externalCa(text: string): ExternalCa {
  const found: { protocol?: 'cfssl'; url?: string; cacert?: string } = {};
  const Options: Record<string, string> = {};
  for (const field of text.split(',')) {
    const at = field.indexOf('=');
    if (at < 0) throw wrong(text, `invalid field '${field}' must be a key=value pair`);
    const [key, value] = [field.slice(0, at).trim().toLowerCase(), field.slice(at + 1)];
    if (key === 'protocol') found.protocol = protocolOf(text, value);
    else if (key === 'url') found.url = value;
    else if (key === 'cacert') found.cacert = certificateIn(text, value);
    else Options[key] = value;
  }
  if (found.protocol === undefined) throw wrong(text, 'the external-ca option needs a protocol= parameter');
  if (found.url === undefined) throw wrong(text, 'the external-ca option needs a url= parameter');
  return { Protocol: found.protocol, URL: found.url, Options, ...(found.cacert !== undefined && { CACert: found.cacert }) };
}

function protocolOf(text: string, value: string): 'cfssl' {
  if (value.toLowerCase() !== 'cfssl') throw wrong(text, `unrecognized external CA protocol ${value}`);
  return 'cfssl';
}

function certificateIn(text: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw wrong(text, `unable to read CA cert for external CA: ${(error as Error).message}`);
  }
}

function wrong(text: string, why: string): CommandError {
  return new CommandError(`invalid argument "${text}" for "--external-ca" flag: ${why}`, exitCodes.usage);
}
