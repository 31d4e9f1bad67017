/** Whether who is asked to let this node in is a manager of the cluster that its token names. */
import { identityOf, unitOf } from '#ca/certificate';
import { certificates } from '#identity/certificates';

/**
 * Why the certificates that somebody shows (PEM, his own first) are not those of a manager for whom `root` vouches; undefined: they are.
 * As TLS itself looks at them where the root is known before; that of a clock has its texts.
 * @param now milliseconds since 1970
 */
export function managerFault(shown: string, root: string, now: number): Error | undefined {
  try {
    if (!certificates.isVouchedFor(shown, root)) return new Error('no certificate that it shows is of the root that the token names');
    const { subject, names, bothEnds } = certificates.read(shown);
    const manager = unitOf('manager');
    if (identityOf(subject)?.role !== 'manager' || !names.includes(manager) || !bothEnds) return new Error('the certificate that it shows is no manager’s');
    return [...shown.split(/(?=-----BEGIN)/), root].flatMap((each) => clockFault(each, now) ?? [])[0];
  } catch (error) {
    return new Error(`what it shows is no certificate: ${(error as Error).message}`);
  }
}

function clockFault(certificate: string, now: number): Error | undefined {
  const { notBefore, notAfter } = certificates.read(certificate).validity;
  if (now < notBefore) return new Error('certificate is not yet valid');
  return now > notAfter ? new Error('certificate has expired') : undefined;
}
