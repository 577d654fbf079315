import type { Route } from '../../functions/domain/model/route.ts';

/** Where there are no settings yet, a fresh clone synthesizes with these. Streampixel has no such ids. */
export const SAMPLE_USER_ID = '000000000000000000000001';
export const SAMPLE_PROJECT_ID = '000000000000000000000002';

export const SAMPLE_ROUTES: readonly Route[] = [
  {
    prefix: '',
    userId: SAMPLE_USER_ID,
    projectId: SAMPLE_PROJECT_ID,
    autoRelease: false,
    release: 'on-approval',
    apiKeyParameter: '/streampixel-drop/api-key',
  },
];
