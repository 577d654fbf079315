import { environmentOf } from '../environment.ts';

export const { ENV, readEnvironment } = environmentOf([
  'intervalMs',
  'standInTable',
  'standInQueueUrl',
  'standInParameter',
]);
