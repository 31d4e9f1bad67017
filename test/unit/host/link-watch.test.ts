import { expect, test } from 'vitest';
import { isLoss, loweredIn } from '#host/link-watch';

test.each([
  ['Deleted 12: sh-yawjoi1qba9: <NO-CARRIER,BROADCAST,MULTICAST,UP> mtu 1450 qdisc noqueue state DOWN group default \\    link/ether 02:42:0a', true],
  ['Deleted 13: vx-yawjoi1qba9: <BROADCAST,MULTICAST> mtu 1450 qdisc noop state DOWN group default', true],
  ['12: sh-yawjoi1qba9: <BROADCAST,MULTICAST> mtu 1450 qdisc noqueue state DOWN group default', true],
  ['12: sh-yawjoi1qba9: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450 qdisc noqueue state UP group default', false],
  ['Deleted 14: vethsh-abc@if5: <BROADCAST> mtu 1450 qdisc noop state DOWN', false],
  ['15: veth1@if4: <BROADCAST> mtu 1450 master sh-yawjoi1qba9 state DOWN group default', false],
])('%s', (line, expected) => {
  expect(isLoss(line)).toBe(expected);
});

test.each([
  ['12: sh-yawjoi1qba9: <BROADCAST,MULTICAST> mtu 1450 qdisc noqueue state DOWN group default', 'sh-yawjoi1qba9'],
  ['12: sh-yawjoi1qba9: <NO-CARRIER,BROADCAST,MULTICAST,UP> mtu 1450 qdisc noqueue state DOWN group default', undefined],
  ['Deleted 12: sh-yawjoi1qba9: <BROADCAST,MULTICAST> mtu 1450 qdisc noop state DOWN group default', undefined],
])('what somebody set down: %s', (line, expected) => {
  expect(loweredIn(line)).toBe(expected);
});
