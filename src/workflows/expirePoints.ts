/**
 * Books the expiry of points (design.md, section 4). Started by a Schedule every quarter of an hour: midnight in every time
 * zone there is, so that a programme's points expire when its day ends. Whether points can be spent does not wait for this.
 */
import { proxyActivities } from '@temporalio/workflow';
import type * as expiryActivities from '../activities/expirePoints.js';

const { expirePoints: expire } = proxyActivities<ReturnType<typeof expiryActivities.createExpiryActivities>>({
  startToCloseTimeout: '10 min',
  heartbeatTimeout: '1 min',
  retry: { maximumAttempts: 3 },
  summary: 'Book the points whose last day is over',
});

export async function expirePoints(): Promise<expiryActivities.Expiry> {
  return expire();
}
