/** Names of Linux capabilities. */

/** In full and in capitals; ALL and RESET stand for themselves. */
export function capabilityName(name: string): string {
  const upper = name.trim().toUpperCase();
  return upper === 'ALL' || upper === 'RESET' || upper.startsWith('CAP_') ? upper : `CAP_${upper}`;
}
