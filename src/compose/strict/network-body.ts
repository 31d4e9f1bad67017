/** The body of POST /networks/create as Docker's CLI writes it: every field present. */
import type { NetworkSpec } from '#model/object/network';

/** `checkDuplicate`: engines before API 1.44 were sent the field. */
export function networkBody(spec: NetworkSpec, checkDuplicate: boolean): Record<string, unknown> {
  const { IPAM: ipam } = spec;
  return {
    Driver: spec.Driver ?? '',
    Scope: '',
    IPAM: ipam === undefined ? null : { Driver: ipam.Driver ?? '', Options: ipam.Options ?? null, Config: ipam.Config ?? null },
    Internal: spec.Internal ?? false,
    Attachable: spec.Attachable ?? false,
    Ingress: false,
    ConfigOnly: false,
    ConfigFrom: null,
    Options: spec.Options ?? null,
    Labels: spec.Labels ?? {},
    Name: spec.Name,
    ...(spec.EnableIPv6 === true && { EnableIPv6: true }),
    ...(checkDuplicate && { CheckDuplicate: true }),
  };
}
