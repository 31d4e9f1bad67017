/** `secret inspect --pretty` and `config inspect --pretty`, in docker's words and order. */
import { printable } from '#base/text/printable';
import type { Secret } from '#model/object/secret';

/** Of a secret; its value is nobody's to see. */
export function prettySecret(secret: Secret): readonly string[] {
  return [
    `ID:              ${secret.ID}`,
    `Name:              ${secret.Spec.Name}`,
    ...labelLines(secret),
    `Driver:            ${secret.Spec.Driver?.Name ?? ''}`,
    `Created at:        ${goTime(secret.CreatedAt)}`,
    `Updated at:        ${goTime(secret.UpdatedAt)}`,
  ];
}

export function prettyConfig(config: Secret): readonly string[] {
  return [
    `ID:\t\t\t${config.ID}`,
    `Name:\t\t\t${config.Spec.Name}`,
    ...labelLines(config),
    `Created at:            \t${goTime(config.CreatedAt)}`,
    `Updated at:            \t${goTime(config.UpdatedAt)}`,
    'Data:',
    printable(Buffer.from(config.Spec.Data ?? '', 'base64').toString('utf8')),
  ];
}

function labelLines({ Spec: { Labels = {} } }: Secret): string[] {
  const labels = Object.entries(Labels);
  return labels.length > 0 ? ['Labels:', ...labels.map(([key, value]) => ` - ${key}${value && `=${value}`}`)] : [];
}

/** As Go prints a time, and docker in small letters. */
function goTime(text: string): string {
  return text
    .replace('T', ' ')
    .replace(/\.0*Z$/, 'Z')
    .replace(/(\.\d*?)0*Z$/, '$1Z')
    .replace('Z', ' +0000 utc');
}
