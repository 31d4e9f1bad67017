/** Secrets and configs as stored; a secret's data is stripped at the API's door. */
import type { Labels, Meta } from './meta.ts';

export interface SecretSpec {
  Name: string;
  Labels?: Labels;
  /** base64 */
  Data?: string;
  Driver?: { Name: string; Options?: Readonly<Record<string, string>> };
  Templating?: { Name: string; Options?: Readonly<Record<string, string>> };
}

export type ConfigSpec = Omit<SecretSpec, 'Driver'>;

export interface Secret extends Meta {
  Spec: SecretSpec;
}

export interface Config extends Meta {
  Spec: ConfigSpec;
}
