/** Certificates as the platform reads them. */
import { X509Certificate } from 'node:crypto';
import { keepNewest } from '#base/pace/newest';
import { Refusal } from '#base/refusal';

/** A node looks at its own, its roots and one manager's again and again; of those of others few come twice. */
const mostKnown = 16;
/** What was asked for last, by its text, the oldest first. */
const known = new Map<string, X509Certificate>();

/** Of one certificate, PEM. Refuses `invalidArgument` what is none. */
export function native(pem: string): X509Certificate {
  const certificate = known.get(pem) ?? read(pem);
  keepNewest(known, pem, certificate, mostKnown);
  return certificate;
}

function read(pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (error) {
    throw new Refusal('invalidArgument', `this is no certificate: ${(error as Error).message}`);
  }
}
